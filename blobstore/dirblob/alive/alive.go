// Package alive finds out whether another process that had the same folder open is dead.
//
// A process calls [Hold] and puts the name that it gets into whatever it may leave
// behind: temporary files, leases. The name is that of a file in the folder, on which the
// process holds a lock until it ends. The operating system releases the lock of a process
// that is killed, and keeps the lock of one that is stopped. A successor calls [Dead] and
// takes over what a dead process left at once, without waiting for a timeout.
//
// A lock proves something only if all users of the file share it: on Linux those of ext2, ext3,
// ext4, XFS, Btrfs, F2FS, ZFS, Bcachefs, NTFS, tmpfs and overlayfs, on macOS those of APFS and
// HFS+, on Windows those of local drives with NTFS or ReFS. On any other file system,
// such as NFS, SMB and FUSE, and on any other operating system, Hold gives a name without
// a lock and no process is ever found dead.
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

// Hold takes a lock under a new name in a folder, which it creates if it is missing;
// the parent must exist. A process may hold any number. Where locks prove nothing (see
// the package documentation) there is no error, and the name is never found dead.
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
		// Another Close has just removed the folder, or a process that tidies up saw the
		// file before it was locked. Nobody knows the name yet, so take another.
	}
	return nil, fmt.Errorf("alive: lock a file: each of 100 in %s was removed at once", dir)
}

// Name identifies the holder: 26 letters and digits, never used twice.
func (l *Lock) Name() string { return l.name }

// Close gives the lock up and removes its file, and the folder if it is empty then. Call
// it when nothing bears the name any more: a name without a file is not found dead.
// Closing again does nothing.
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

// Dead reports whether the process that held a name in a folder has ended without
// closing its lock. It is true only if that is proven. It is false without an error if the
// lock is held, the name has no file or was not given by Hold, or locks prove nothing; it
// is false with an error if that can't be found out. A dead name stays dead until [Remove].
func Dead(dir, name string) (bool, error) {
	if !valid(name) {
		return false, nil
	}
	proves, err := local(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("alive: look at the file system of %s: %w", dir, err)
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

// Names lists the names that have a file in a folder, of the living and the dead. There
// are none in a folder that does not exist.
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

// Remove removes the file of a name that is [Dead], and does nothing if it is not. Call
// it once nothing bears the name any more.
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

// valid reports whether a name has the form that Hold gives, which is base32. No other
// name may become part of a path.
func valid(name string) bool {
	return len(name) == nameLength && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}
