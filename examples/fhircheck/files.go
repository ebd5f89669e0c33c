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

// input is a payload to check, or something that can't be read and why.
type input struct {
	name string // as it was named, or found
	// again says that open gives the same bytes each time.
	again bool
	size  int64 // bytes as stored; -1 where that is not known
	open  func() (io.ReadCloser, error)
	err   error
}

// chosen is what the arguments name.
type chosen struct {
	inputs  []*input
	skipped []string // files of folders whose names, or kinds, are not those of payloads
}

// size is that of all inputs, or -1 if one does not say.
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

// choose finds what the arguments name. What can't be read is an input, too: it
// is said in its turn, and the others are checked.
func choose(args []string, stdin io.Reader) (*chosen, error) {
	c := &chosen{}
	standard := false
	for i, arg := range args {
		if arg == "-" {
			if standard {
				return nil, errors.New("- can be given once: there is one standard input")
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

// search adds the payloads in a folder, by their names and in the order of
// those. A folder without any is an error, lest it pass for one that is fine.
func (c *chosen) search(folder string) {
	before := len(c.inputs)
	// The function below never returns an error, so there is none.
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
		info, err := os.Stat(name) // of what a link leads to
		switch {
		case err != nil:
			c.inputs = append(c.inputs, &input{name: name, err: reason(err)})
		case info.Mode().IsRegular():
			c.add(name, info)
		default: // a pipe would be waited for
			c.skipped = append(c.skipped, name)
		}
		return nil
	})
	if len(c.inputs) == before {
		c.inputs = append(c.inputs, &input{name: folder, err: errors.New("the folder has no .json, .ndjson or .jsonl files, nor such with .gz")})
	}
}

// missing says where a file was looked for: go run -C has another working folder
// than the shell from which it was called.
func missing(name string) error {
	if wd, err := os.Getwd(); err == nil && !filepath.IsAbs(name) {
		return fmt.Errorf("there is no such file or folder in %s", printable(wd))
	}
	return errors.New("there is no such file or folder")
}

// reason is an error without the name of its file, which is said before it.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// printable is a name as it can be shown: a terminal would obey what controls it.
func printable(name string) string {
	if strings.ContainsFunc(name, unicode.IsControl) {
		return strconv.Quote(name)
	}
	return name
}
