// Package alive finds out whether another process that had the same folder open is dead.
//
// A process calls [Hold] and puts the name it gets into whatever it may leave if it
// crashes, such as temporary files and leases. It names a file in the folder that
// the process keeps locked until it ends. The operating system releases the lock of a
// killed process, and keeps that of a stopped one. A successor calls [Dead] and takes over
// from a dead process at once, without waiting for a timeout.
//
// A lock is only proof if all users of the file share it: on Linux with ext2, ext3, ext4,
// XFS, Btrfs, F2FS, ZFS, Bcachefs, NTFS, tmpfs and overlayfs, on macOS with APFS and HFS+,
// on Windows with local NTFS and ReFS drives. On any other file system, such as NFS, SMB
// and FUSE, and on any other operating system, Hold returns a name without a lock, and no
// process is ever found dead.
package alive

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Lock is a held lock. It lasts until Close, or until the process ends.
type Lock struct {
	name string
	path string
	file *os.File // nil where locks prove nothing
}

// suffix of lock files.
const suffix = ".lock"

// nameLength is the length of rand.Text.
const nameLength = 26

// Hold takes a lock with a new name in a folder. It creates the folder if missing; the
// parent must exist. A process may hold any number of locks. If locks prove nothing (see the
// package documentation), that is not an error, and the name is never found dead.
func Hold(dir string) (*Lock, error) {
	l := &Lock{}
	for range 100 {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("alive: create folder: %w", err)
		}
		proves, err := local(dir)
		if err == nil {
			l.name = rand.Text()
			if !proves {
				return l, nil
			}
			l.path = filepath.Join(dir, l.name+suffix)
			l.file, err = create(l.path)
		}
		switch {
		case l.file != nil:
			return l, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("alive: lock a file: %w", err)
		}
		// A concurrent Close has removed the folder.
	}
	return nil, fmt.Errorf("alive: lock a file: all of 100 in %s were removed at once", dir)
}

// Name identifies the holder: 26 letters and digits, never used twice.
func (l *Lock) Name() string { return l.name }

// Close releases the lock and removes its file, and the folder if it is empty. Call it when
// nothing has the name any more: a name without a file is not found dead. Further calls do
// nothing.
func (l *Lock) Close() error {
	if l.file == nil {
		return nil
	}
	file := l.file
	l.file = nil
	if err := release(file, l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("alive: remove a lock: %w", err)
	}
	_ = os.Remove(filepath.Dir(l.path)) // others may hold locks there
	return nil
}

// Dead reports whether the process that held a name in a folder has ended without closing
// its lock. It returns true only if that is proven. It returns false if the lock is held, the
// name has no file or is not from Hold, or locks prove nothing, and false with an error if
// it can't find out. A dead name stays dead until [Remove].
func Dead(dir, name string) (bool, error) {
	if !valid(name) {
		return false, nil
	}
	proves, err := local(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("alive: check the file system of %s: %w", dir, err)
	}
	if !proves {
		return false, nil
	}
	free, err := probe(filepath.Join(dir, name+suffix))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("alive: probe a lock: %w", err)
	}
	return free, nil
}

// Names returns the names that have a file in a folder, of live and dead processes. A
// missing folder has none.
func Names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("alive: list locks: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok && valid(name) && e.Type().IsRegular() {
			names = append(names, name)
		}
	}
	return names, nil
}

// Remove removes the file of a [Dead] name. It does nothing for other names. Call it when
// nothing has the name any more.
func Remove(dir, name string) error {
	dead, err := Dead(dir, name)
	if err != nil || !dead {
		return err
	}
	if err := os.Remove(filepath.Join(dir, name+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("alive: remove a lock: %w", err)
	}
	return nil
}

// valid reports whether a name has the form of Hold's names, which is base32. No other name
// may become part of a path.
func valid(name string) bool {
	return len(name) == nameLength && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}
