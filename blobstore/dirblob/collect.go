package dirblob

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// stale is how old what a crash left behind is when it is removed.
const stale = 24 * time.Hour

// tidy removes what crashes left behind, now and once a day. Not List: most
// folders are never listed, and the others are listed page by page.
func (b *bucket) tidy(ctx context.Context) {
	defer close(b.tidied)
	ticker := time.NewTicker(stale)
	defer ticker.Stop()
	for {
		b.tidyFolder(ctx, b.dir, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// tidyFolder collects in a folder and all below it what is a day old by now. What
// can't be read is read the next time.
func (b *bucket) tidyFolder(ctx context.Context, folder string, now time.Time) {
	if ctx.Err() != nil {
		return
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() && !hidden(e.Name()) {
			b.tidyFolder(ctx, filepath.Join(folder, e.Name()), now)
		}
	}
	if b.collect(folder, entries, now) > 0 {
		b.removeEmpty(folder)
	}
}

// collect removes temporary files and attributes that are a day old and belong
// to no data file, and says how many. The entries are all of the folder's,
// sorted by name.
func (b *bucket) collect(folder string, entries []fs.DirEntry, now time.Time) (removed int) {
	var left []fs.DirEntry
	for _, e := range entries {
		if hidden(e.Name()) {
			left = append(left, e)
		}
	}
	for i, e := range left {
		if base, ok := owner(e.Name()); ok {
			// Attributes whose file is there, and which are its only ones, are
			// its own: to look closer at each would cost a call for every object.
			_, there := slices.BinarySearchFunc(entries, base, func(e fs.DirEntry, name string) int { return strings.Compare(e.Name(), name) })
			alone := !sameOwner(left, i-1, base) && !sameOwner(left, i+1, base)
			if there && alone {
				continue
			}
			if there {
				info, err := os.Lstat(filepath.Join(folder, base))
				if err != nil || filepath.Base(beside(base, info.ModTime())) == e.Name() {
					continue
				}
			}
		} else if !strings.HasPrefix(e.Name(), tempPrefix) {
			continue // not ours
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) > stale {
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
