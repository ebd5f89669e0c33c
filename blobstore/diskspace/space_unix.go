//go:build linux || darwin || freebsd

package diskspace

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// space returns the size of a folder's file system, and how much of it is free for this
// process, in bytes.
func space(folder string) (free, all int64, err error) {
	var s unix.Statfs_t
	for {
		switch err := unix.Statfs(folder, &s); err {
		case nil:
			return int64(s.Bavail) * int64(s.Bsize), int64(s.Blocks) * int64(s.Bsize), nil
		case unix.EINTR:
		default:
			return 0, 0, fmt.Errorf("free space of %s: %w", folder, err)
		}
	}
}
