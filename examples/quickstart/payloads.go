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

	"github.com/fhirdock/fhirdock/examples/internal/samples"
)

// choose returns the files that the arguments name, or samples if there are no arguments,
// and how many files of folders are left out.
func choose(c config, args []string) (found []samples.Payload, left int, err error) {
	if len(args) == 0 {
		return samples.All(c.seed, c.size), 0, nil
	}
	for _, arg := range args {
		root, err := filepath.Abs(arg) // with go run -C the working folder is not the shell's
		if err != nil {
			return nil, 0, err
		}
		err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			switch p, err := file(path); {
			case err == nil:
				found = append(found, p)
			case path == root:
				return err
			default:
				left++
			}
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	if len(found) == 0 {
		return nil, 0, errors.New("no .json or .ndjson files found")
	}
	return found, left, nil
}

// file returns the payload of a file.
func file(path string) (samples.Payload, error) {
	p := samples.Payload{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
	if strings.ContainsFunc(path, unicode.IsControl) {
		p.Name = strconv.Quote(path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return p, err
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".ndjson":
		p.ContentType = samples.TypeNDJSON
	case ".json":
		p.ContentType = samples.TypeBundle
	}
	if p.ContentType == "" || !info.Mode().IsRegular() { // a pipe would block, and has no size
		return p, fmt.Errorf("%s: only regular .json and .ndjson files can be sent", p.Name)
	}
	p.Size = info.Size()
	return p, nil
}
