package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// input is a payload to check, or the error of one that can't be read.
type input struct {
	name string // as given or found
	// again: open returns the same bytes each time.
	again bool
	size  int64 // bytes as stored; -1 if unknown
	open  func() (io.ReadCloser, error)
	err   error
}

// chosen holds the files that the arguments name.
type chosen struct {
	inputs  []*input
	skipped []string // files in folders whose name or kind is not a payload's
}

// size returns the size of all inputs, or -1 if one is unknown.
func (c *chosen) size() int64 {
	var n int64
	for _, in := range c.inputs {
		if in.size < 0 {
			return -1
		}
		n += in.size
	}
	return n
}

// choose finds the files that the arguments name. A file that can't be read is an input
// too: its error is printed in its turn, and the others are checked.
func choose(args []string, stdin io.Reader) (*chosen, error) {
	c := &chosen{}
	standard := false
	for i, arg := range args {
		if arg == "-" {
			if standard {
				return nil, errors.New("- can be given only once")
			}
			standard = true
			c.inputs = append(c.inputs, &input{name: "stdin", size: -1, open: func() (io.ReadCloser, error) {
				return io.NopCloser(stdin), nil
			}})
			continue
		}
		info, err := os.Stat(arg)
		switch {
		case err != nil && i > 0 && strings.HasPrefix(arg, "-"):
			return nil, fmt.Errorf("%s: flags go before the files", printable(arg))
		case errors.Is(err, fs.ErrNotExist):
			c.inputs = append(c.inputs, &input{name: arg, err: missing(arg)})
		case err != nil:
			c.inputs = append(c.inputs, &input{name: arg, err: reason(err)})
		case info.IsDir():
			c.search(arg)
		default:
			c.add(arg, info)
		}
	}
	return c, nil
}

func (c *chosen) add(name string, info fs.FileInfo) {
	in := &input{name: name, size: -1, open: func() (io.ReadCloser, error) { return os.Open(name) }}
	if info.Mode().IsRegular() {
		in.again, in.size = true, info.Size()
	}
	c.inputs = append(c.inputs, in)
}

// search adds a folder's payloads, chosen and sorted by name. A folder without any is an
// error, or it would pass as fine.
func (c *chosen) search(folder string) {
	before := len(c.inputs)
	// The function never returns an error.
	_ = fs.WalkDir(os.DirFS(folder), ".", func(path string, d fs.DirEntry, err error) error {
		name := filepath.Join(folder, path)
		if err != nil {
			c.inputs = append(c.inputs, &input{name: name, err: reason(err)})
			return nil
		}
		if d.IsDir() {
			return nil
		}
		if _, ok := formatOf(path); !ok {
			c.skipped = append(c.skipped, name)
			return nil
		}
		info, err := os.Stat(name) // follows a link
		switch {
		case err != nil:
			c.inputs = append(c.inputs, &input{name: name, err: reason(err)})
		case info.Mode().IsRegular():
			c.add(name, info)
		default: // a pipe would block
			c.skipped = append(c.skipped, name)
		}
		return nil
	})
	if len(c.inputs) == before {
		c.inputs = append(c.inputs, &input{name: folder, err: errors.New("the folder has no .json, .ndjson or .jsonl files, with or without .gz")})
	}
}

// missing returns an error that names the working folder: with go run -C it is not the
// shell's.
func missing(name string) error {
	if wd, err := os.Getwd(); err == nil && !filepath.IsAbs(name) {
		return fmt.Errorf("no such file or folder in %s", printable(wd))
	}
	return errors.New("no such file or folder")
}

// reason returns an error without its file's name, which is printed before it.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// printable returns a name without control characters, which a terminal would obey.
func printable(name string) string {
	if strings.ContainsFunc(name, unicode.IsControl) {
		return strconv.Quote(name)
	}
	return name
}
