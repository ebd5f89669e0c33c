package alive

import (
	"os"
	"syscall"
)

// local reports whether locks of files in a folder prove anything.
func local(dir string) (bool, error) {
	var s syscall.Statfs_t
	for {
		err := syscall.Statfs(dir, &s)
		if err == nil {
			break
		}
		if err != syscall.EINTR {
			return false, &os.PathError{Op: "statfs", Path: dir, Err: err}
		}
	}
	var name []byte
	for _, c := range s.Fstypename {
		if c == 0 {
			break
		}
		name = append(name, byte(c))
	}
	return string(name) == "apfs" || string(name) == "hfs", nil
}
