//go:build linux || darwin

package alive

import (
	"errors"
	"os"
	"syscall"
)

// create creates a file and locks it. It returns neither a file nor an error if another
// process probed or removed the file in between.
func create(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	err = flock(f, syscall.LOCK_EX)
	if err == nil && hasName(f, path) {
		return f, nil
	}
	f.Close()
	_ = os.Remove(path)
	if err == nil || errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, err
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
	return err == nil, err
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
