//go:build linux || darwin

package alive

import (
	"errors"
	"os"
	"syscall"
)

// unnamed is the suffix of files that are not locked yet.
const unnamed = ".new"

// create creates a locked file. It is locked before it gets its name: a probe in between
// would find the lock free, and take a live process for dead.
func create(path string) (*os.File, error) {
	f, err := os.OpenFile(path+unnamed, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	err = flock(f, syscall.LOCK_EX)
	if err == nil {
		err = os.Rename(path+unnamed, path)
	}
	if err != nil {
		f.Close()
		_ = os.Remove(path + unnamed)
		return nil, err
	}
	return f, nil
}

// release removes the file first: unlocked, it would look like a dead process's.
func release(f *os.File, path string) error {
	return errors.Join(os.Remove(path), f.Close())
}

// probe reports whether the lock is free. It takes a shared lock, so that several processes
// may probe at the same time.
func probe(path string) (bool, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = flock(f, syscall.LOCK_SH)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	// A holder that closed its lock in between removed the file before it unlocked it.
	return err == nil && hasName(f, path), err
}

// hasName reports whether a file still has its name.
func hasName(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Lstat(path)
	return err == nil && os.SameFile(mine, now)
}

func flock(f *os.File, how int) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var lockErr error
	if err := conn.Control(func(fd uintptr) {
		for {
			if lockErr = syscall.Flock(int(fd), how|syscall.LOCK_NB); lockErr != syscall.EINTR {
				return
			}
		}
	}); err != nil {
		return err
	}
	return os.NewSyscallError("flock", lockErr)
}
