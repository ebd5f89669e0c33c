package dirblob

import (
	"io"
	"os"
	"time"
)

// fileSystem has the steps of a write, so that tests can make each one fail and check their
// order.
type fileSystem interface {
	Mkdir(name string) error
	// CreateTemp creates a temporary file with its owner in the name.
	CreateTemp(folder, owner string) (file, error)
	// Create creates a file that must not exist.
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

// tempPrefix is the prefix of temporary files. After it come the name of the process's
// lock, if it has one, and a dash.
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

// wrapFile keeps a nil *os.File from becoming a non-nil file.
func wrapFile(f *os.File, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}
