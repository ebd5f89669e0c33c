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
			return localType(uint32(s.Type)), nil
		}
		if err != syscall.EINTR {
			return false, &os.PathError{Op: "statfs", Path: dir, Err: err}
		}
	}
}

// localType reports whether all users of a file system's files share this kernel's locks.
// The numbers are those of statfs(2).
func localType(magic uint32) bool {
	switch magic {
	case 0xef53, // ext2, ext3, ext4
		0x58465342, // XFS
		0x9123683e, // Btrfs
		0xf2f52010, // F2FS
		0x2fc12fc1, // ZFS
		0xca451a4e, // Bcachefs
		0x7366746e, // NTFS, with the kernel's driver
		0x01021994, // tmpfs
		0x794c7630: // overlayfs, used by containers
		return true
	}
	return false
}
