package diskspace

import (
	"fmt"
	"math"

	"golang.org/x/sys/windows"
)

// space returns the size of a folder's file system, and how much of it is free for this
// process, in bytes.
func space(folder string) (free, all int64, err error) {
	path, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return 0, 0, fmt.Errorf("free space of %s: %w", folder, err)
	}
	var f, a uint64
	if err := windows.GetDiskFreeSpaceEx(path, &f, &a, nil); err != nil {
		return 0, 0, fmt.Errorf("free space of %s: %w", folder, err)
	}
	return int64(min(f, math.MaxInt64)), int64(min(a, math.MaxInt64)), nil
}
