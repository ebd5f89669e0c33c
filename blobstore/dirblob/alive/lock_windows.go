package alive

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// create creates a file and opens it exclusively, which is the lock.
func create(path string) (*os.File, error) {
	return open(path, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, windows.CREATE_NEW)
}

// release closes the file first, because an open one can't be removed. For a moment it
// looks like a dead process's.
func release(f *os.File, path string) error {
	return errors.Join(f.Close(), os.Remove(path))
}

// probe reports whether no process holds the lock. Several processes may probe at the same
// time.
func probe(path string) (bool, error) {
	f, err := open(path, windows.GENERIC_READ, windows.FILE_SHARE_READ|windows.FILE_SHARE_DELETE, windows.OPEN_EXISTING)
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, f.Close()
}

func open(path string, access, share, how uint32) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	handle, err := windows.CreateFile(name, access, share, nil, how, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}

// local reports whether locks of files in a folder prove anything.
func local(dir string) (bool, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return false, err
	}
	if _, err := os.Stat(abs); err != nil {
		return false, err
	}
	path, err := windows.UTF16PtrFromString(abs)
	if err != nil {
		return false, err
	}
	root := make([]uint16, windows.MAX_PATH+1)
	if err := windows.GetVolumePathName(path, &root[0], uint32(len(root))); err != nil {
		return false, os.NewSyscallError("GetVolumePathName", err)
	}
	if windows.GetDriveType(&root[0]) != windows.DRIVE_FIXED {
		return false, nil
	}
	name := make([]uint16, windows.MAX_PATH+1)
	if err := windows.GetVolumeInformation(&root[0], nil, 0, nil, nil, nil, &name[0], uint32(len(name))); err != nil {
		return false, os.NewSyscallError("GetVolumeInformation", err)
	}
	kind := strings.ToUpper(windows.UTF16ToString(name))
	return kind == "NTFS" || kind == "REFS", nil
}
