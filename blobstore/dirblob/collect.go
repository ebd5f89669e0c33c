package dirblob

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/blobstore/dirblob/alive"
)

// stale is the age at which files left by a crash are removed.
const stale = 24 * time.Hour

// tidy removes files left by crashes, now and once a day. List could not do that, because
// most folders are never listed.
func (b *bucket) tidy(ctx context.Context) {
	defer close(b.tidied)
	ticker := time.NewTicker(stale)
	defer ticker.Stop()
	for {
		b.tidyAll(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// tidyAll tidies all folders, and then removes the locks of dead processes, since no file
// has their names any more.
func (b *bucket) tidyAll(ctx context.Context, now time.Time) {
	dead := b.dead()
	if !b.tidyFolder(ctx, b.dir, dead, now) {
		return
	}
	for name := range dead {
		if err := alive.Remove(b.locks(), name); err != nil {
			b.log.Warn("dirblob: lock of a dead process not removed", "error", err)
		}
	}
}

// dead returns the names of dead processes that had opened the bucket. On errors a process
// counts as alive.
func (b *bucket) dead() map[string]bool {
	names, err := alive.Names(b.locks())
	if err != nil {
		b.log.Warn("dirblob: files left by crashes are kept for a day", "error", err)
	}
	dead := make(map[string]bool, len(names))
	for _, name := range names {
		is, err := alive.Dead(b.locks(), name)
		if err != nil {
			b.log.Warn("dirblob: files left by a crash may be kept for a day", "error", err)
		}
		if is {
			dead[name] = true
		}
	}
	return dead
}

// tidyFolder tidies a folder and those below it, and reports whether it has read all of
// them. A folder that can't be read is tidied the next time.
func (b *bucket) tidyFolder(ctx context.Context, folder string, dead map[string]bool, now time.Time) bool {
	if ctx.Err() != nil {
		return false
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	all := true
	for _, e := range entries {
		if e.IsDir() && !hidden(e.Name()) {
			all = b.tidyFolder(ctx, filepath.Join(folder, e.Name()), dead, now) && all
		}
	}
	if b.collect(folder, entries, dead, now) > 0 {
		b.removeEmpty(folder)
	}
	return all
}

// ofDead reports whether a temporary file belongs to a dead process.
func ofDead(name string, dead map[string]bool) bool {
	owner, _, _ := strings.Cut(strings.TrimPrefix(name, tempPrefix), "-")
	return dead[owner]
}

// collect removes temporary files of dead processes, and temporary files and attributes
// without a data file that are a day old. It returns how many it removed. entries are all
// entries of the folder, sorted by name.
func (b *bucket) collect(folder string, entries []fs.DirEntry, dead map[string]bool, now time.Time) (removed int) {
	var left []fs.DirEntry
	for _, e := range entries {
		if hidden(e.Name()) {
			left = append(left, e)
		}
	}
	for i, e := range left {
		if base, ok := owner(e.Name()); ok {
			// If the data file exists and has only one attributes file, assume that they
			// belong together: to check would cost a call for every object. So a plain
			// object may keep one left-over file until it is deleted.
			_, exists := slices.BinarySearchFunc(entries, base, func(e fs.DirEntry, name string) int { return strings.Compare(e.Name(), name) })
			alone := !sameOwner(left, i-1, base) && !sameOwner(left, i+1, base)
			if exists && alone {
				continue
			}
			if exists {
				info, err := os.Lstat(filepath.Join(folder, base))
				if err != nil || filepath.Base(attributesName(base, info.ModTime())) == e.Name() {
					continue
				}
			}
		} else if !strings.HasPrefix(e.Name(), tempPrefix) {
			continue // not the bucket's
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && (now.Sub(info.ModTime()) > stale || ofDead(e.Name(), dead)) {
			b.cleanUp(filepath.Join(folder, e.Name()))
			removed++
		}
	}
	return removed
}

func sameOwner(left []fs.DirEntry, i int, base string) bool {
	if i < 0 || i >= len(left) {
		return false
	}
	other, ok := owner(left[i].Name())
	return ok && other == base
}
