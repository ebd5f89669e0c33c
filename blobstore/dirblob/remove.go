package dirblob

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob/driver"
)

// Delete implements driver.Bucket. It also removes folders that become empty.
func (b *bucket) Delete(_ context.Context, key string, opts *driver.DeleteOptions) error {
	if opts != nil && opts.BeforeDelete != nil {
		if err := opts.BeforeDelete(func(any) bool { return false }); err != nil {
			return err
		}
	}
	name, err := b.name(key)
	if err != nil {
		return err
	}
	info, err := os.Lstat(name)
	if err != nil {
		return b.missing(err)
	}
	if !info.Mode().IsRegular() {
		return errNoSuchKey
	}
	attrsName := existingAttributes(name, info)
	if err := b.fsys.Remove(name); err != nil {
		return err
	}
	folder := filepath.Dir(name)
	// A concurrent Delete may have removed the folder.
	if err := b.syncFolder(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Last, so that an object restored by a power loss still has its attributes.
	if attrsName != "" {
		b.cleanUp(attrsName)
	}
	b.removeEmpty(folder)
	return nil
}

// removeEmpty removes a folder and its parents as long as they are empty.
func (b *bucket) removeEmpty(folder string) {
	for folder != b.dir && strings.HasPrefix(folder, b.dir) && b.removeFolder(folder) {
		folder = filepath.Dir(folder)
	}
}

// removeFolder removes a folder. It returns false if the folder is not empty or missing. It
// forgets the folder under the same lock, because a recreated one is not durable yet.
func (b *bucket) removeFolder(folder string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fsys.Remove(folder) != nil {
		return false
	}
	delete(b.durable, folder)
	return true
}

// cleanUp removes a file that is not an object.
func (b *bucket) cleanUp(name string) {
	if err := b.fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.log.Warn("dirblob: file not removed", "error", err)
	}
}
