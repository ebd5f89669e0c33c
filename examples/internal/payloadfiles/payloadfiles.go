// Package payloadfiles finds the files that command-line arguments name, reads their
// decompressed content, and counts the columns of places in it.
package payloadfiles

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/fhirdock/fhirdock/examples/internal/sniff"
	"github.com/fhirdock/fhirdock/examples/internal/terminal"
)

// File is a file, a pipe or the standard input, or one that can't be read.
type File struct {
	Name string // as given or found

	open  func() (io.ReadCloser, error)
	again bool  // open returns the same bytes each time
	size  int64 // bytes as stored; -1 if unknown
}

// List has the files that arguments name.
type List struct {
	Files   []*File
	Skipped []string // names of files in folders whose name or kind is not a payload's
}

// Size returns the total size of the files on disk in bytes, or -1 if any size is unknown.
func (l *List) Size() int64 {
	var n int64
	for _, f := range l.Files {
		if f.size < 0 {
			return -1
		}
		n += f.size
	}
	return n
}

// Find finds the files that the arguments name; - is stdin. Folders are searched for names
// that sniff.ByName knows, in their order; links to folders are not followed. A file that
// can't be read is in the list too: its Open returns the error. The error of Find is one
// of usage.
func Find(args []string, stdin io.Reader) (*List, error) {
	l := &List{}
	standard := false
	for i, arg := range args {
		if arg == "-" {
			if standard {
				return nil, errors.New("- can be given only once")
			}
			standard = true
			l.Files = append(l.Files, &File{Name: "stdin", size: -1, open: func() (io.ReadCloser, error) {
				return io.NopCloser(stdin), nil
			}})
			continue
		}
		info, err := os.Stat(arg)
		switch {
		case err != nil && i > 0 && strings.HasPrefix(arg, "-"):
			return nil, fmt.Errorf("%s: flags go before the files", terminal.Printable(arg))
		case errors.Is(err, fs.ErrNotExist):
			l.unreadable(arg, missing(arg))
		case err != nil:
			l.unreadable(arg, err)
		case info.IsDir():
			l.search(arg)
		default:
			l.add(arg, info)
		}
	}
	return l, nil
}

func (l *List) add(name string, info fs.FileInfo) {
	f := &File{Name: name, size: -1, open: func() (io.ReadCloser, error) { return os.Open(name) }}
	if info.Mode().IsRegular() {
		f.again, f.size = true, info.Size()
	}
	l.Files = append(l.Files, f)
}

func (l *List) unreadable(name string, err error) {
	l.Files = append(l.Files, &File{Name: name, open: func() (io.ReadCloser, error) { return nil, err }})
}

// search adds a folder's files. A folder without any is an error, or it would pass as fine.
func (l *List) search(folder string) {
	before := len(l.Files)
	// The function never returns an error.
	_ = fs.WalkDir(os.DirFS(folder), ".", func(path string, d fs.DirEntry, err error) error {
		name := filepath.Join(folder, path)
		if err != nil {
			l.unreadable(name, err)
			return nil
		}
		if d.IsDir() {
			return nil
		}
		if _, ok := sniff.ByName(path); !ok {
			l.Skipped = append(l.Skipped, name)
			return nil
		}
		info, err := os.Stat(name) // follows a link
		switch {
		case err != nil:
			l.unreadable(name, err)
		case info.Mode().IsRegular():
			l.add(name, info)
		default: // a pipe would block
			l.Skipped = append(l.Skipped, name)
		}
		return nil
	})
	if len(l.Files) == before {
		l.unreadable(folder, errors.New("the folder has no .json, .ndjson or .jsonl files, with or without .gz"))
	}
}

// missing returns an error that names the working folder: with go run -C it is not the
// shell's.
func missing(name string) error {
	if wd, err := os.Getwd(); err == nil && !filepath.IsAbs(name) {
		return fmt.Errorf("no such file or folder in %s", terminal.Printable(wd))
	}
	return errors.New("no such file or folder")
}
