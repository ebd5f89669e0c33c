package dirblob

import (
	"io"
	"os"
	"time"
)

// fileSystem is what a write does, so that a test can make each step fail and
// see in which order they come.
type fileSystem interface {
	Mkdir(name string) error
	// CreateTemp makes a temporary file that says whose it is.
	CreateTemp(folder, owner string) (file, error)
	// Create makes a file that must not exist.
	Create(name string) (file, error)
	Chtimes(name string, mtime time.Time) error
	Link(from, to string) error
	Rename(from, to string) error
	Remove(name string) error
	SyncFolder(name string) error
}

type file interface {
	io.WriteCloser
	Name() string
	Sync() error
}

// osFS is the operating system's file system.
type osFS struct{}

// tempPrefix begins the names of temporary files; the name of the process follows
// under which it holds a lock, if it could get one, and a dash.
const tempPrefix = ".tmp-"

func (osFS) Mkdir(name string) error { return os.Mkdir(name, 0o700) }
func (osFS) CreateTemp(folder, owner string) (file, error) {
	return wrapFile(os.CreateTemp(folder, tempPrefix+owner+"-*"))
}
func (osFS) Create(name string) (file, error) {
	return wrapFile(os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600))
}
func (osFS) Chtimes(name string, mtime time.Time) error { return os.Chtimes(name, mtime, mtime) }
func (osFS) Link(from, to string) error                 { return os.Link(from, to) }
func (osFS) Rename(from, to string) error               { return os.Rename(from, to) }
func (osFS) Remove(name string) error                   { return os.Remove(name) }
func (osFS) SyncFolder(name string) error               { return syncFolder(name) }

// wrapFile keeps a nil *os.File from becoming a file that is not nil.
func wrapFile(f *os.File, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}
