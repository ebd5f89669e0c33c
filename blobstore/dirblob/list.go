package dirblob

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocloud.dev/blob/driver"
)

const defaultPage = 1000

// ListPaged implements driver.Bucket. It reads only folders that may contain keys of the
// page.
func (b *bucket) ListPaged(ctx context.Context, opts *driver.ListOptions) (*driver.ListPage, error) {
	if opts.BeforeList != nil {
		if err := opts.BeforeList(func(any) bool { return false }); err != nil {
			return nil, err
		}
	}
	l := &lister{bucket: b, ctx: ctx, prefix: opts.Prefix, delimiter: opts.Delimiter, size: opts.PageSize}
	if l.size <= 0 {
		l.size = defaultPage
	}
	if token := string(opts.PageToken); token != "" {
		// The last result of the previous page: "k" and a key, or "d" and a prefix that
		// stands for all keys below it.
		l.after = token[1:]
		if token[0] == 'd' {
			l.skip = l.after
		}
	}
	if err := l.walk(b.dir, ""); err != nil && !errors.Is(err, errPageFull) {
		return nil, err
	}
	return &l.page, nil
}

var errPageFull = errors.New("the page is full")

// lister collects one page.
type lister struct {
	bucket    *bucket
	ctx       context.Context // of ListPaged
	prefix    string
	delimiter string
	size      int
	after     string // keys up to and including this one are on earlier pages
	skip      string // keys with this prefix have been listed
	page      driver.ListPage
}

// node is a data file or a folder.
type node struct {
	part   string // part of the key, with a trailing slash for a folder
	name   string // file name
	folder bool
}

// walk visits the keys below a folder in order. key is the folder's part of them.
func (l *lister) walk(folder, key string) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	nodes, err := l.bucket.readFolder(folder)
	if errors.Is(err, fs.ErrNotExist) && folder != l.bucket.dir {
		return nil // it was removed concurrently
	}
	if err != nil {
		return err
	}
	for _, n := range nodes {
		full := key + n.part
		switch {
		case !n.folder:
			if !strings.HasPrefix(full, l.prefix) || full <= l.after {
				continue
			}
			err = l.visit(full, filepath.Join(folder, n.name))
		case !strings.HasPrefix(full, l.prefix) && !strings.HasPrefix(l.prefix, full):
			continue // no key in it has the prefix
		case full < l.after && !strings.HasPrefix(l.after, full):
			continue // all of it is on earlier pages
		case l.skipped(full):
			continue
		default:
			err = l.walk(filepath.Join(folder, n.name), full)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) skipped(key string) bool { return l.skip != "" && strings.HasPrefix(key, l.skip) }

// visit adds a key to the page, or the prefix that stands for it.
func (l *lister) visit(key, name string) error {
	if l.skipped(key) {
		return nil
	}
	obj := &driver.ListObject{Key: key}
	if l.delimiter != "" {
		rest := key[len(l.prefix):]
		if at := strings.Index(rest, l.delimiter); at >= 0 {
			obj.Key = key[:len(l.prefix)+at+len(l.delimiter)]
			obj.IsDir = true
		}
	}
	if !obj.IsDir {
		info, err := os.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was deleted concurrently
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return nil
		}
		obj.ModTime, obj.Size = info.ModTime(), info.Size()
	}
	if len(l.page.Objects) == l.size {
		last := l.page.Objects[l.size-1]
		kind := "k"
		if last.IsDir {
			kind = "d"
		}
		l.page.NextPageToken = []byte(kind + last.Key)
		return errPageFull
	}
	if obj.IsDir {
		l.skip = obj.Key
	}
	l.page.Objects = append(l.page.Objects, obj)
	return nil
}

// readFolder reads the data files and folders in a folder, in the order of their keys.
func (b *bucket) readFolder(folder string) ([]node, error) {
	b.mu.Lock()
	b.reads++
	b.mu.Unlock()
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	nodes := make([]node, 0, len(entries))
	for _, e := range entries {
		if hidden(e.Name()) {
			continue
		}
		part, ok := unname(e.Name(), e.IsDir())
		if !ok {
			continue // not created by a bucket
		}
		if e.IsDir() {
			part += "/"
		}
		nodes = append(nodes, node{part: part, name: e.Name(), folder: e.IsDir()})
	}
	slices.SortFunc(nodes, func(a, b node) int { return strings.Compare(a.part, b.part) })
	return nodes, nil
}
