package main

import (
	"bytes"
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

// webhookLimit is the maximum size of a Bundle sent by webhook; larger ones are uploaded.
// It is the front door's default.
const webhookLimit = 64 << 20

// payload is something to send.
type payload struct {
	name   string
	size   int64 // bytes
	ndjson bool
	// refusal is the error that the front door must return, empty if it must accept the
	// payload.
	refusal string
	open    func() (io.ReadCloser, error)
}

// upload reports whether the payload is sent by signed upload, not by webhook.
func (p *payload) upload() bool { return p.ndjson || p.size > webhookLimit }

func (p *payload) contentType() string {
	if p.ndjson {
		return "application/fhir+ndjson"
	}
	return "application/fhir+json"
}

// choose returns the payloads that the arguments name, or the samples if there are none,
// and how many files of the folders are skipped.
func choose(c config, args []string) (found []*payload, left int, err error) {
	if len(args) == 0 {
		return sampled(c), 0, nil
	}
	for _, arg := range args {
		info, err := os.Stat(arg)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, 0, missing(arg)
		}
		if err != nil {
			return nil, 0, err
		}
		if !info.IsDir() {
			if !info.Mode().IsRegular() { // a pipe would block, and has no size
				return nil, 0, fmt.Errorf("%s: not a regular file", arg)
			}
			p := file(arg, info)
			if p == nil {
				return nil, 0, fmt.Errorf("%s: only .json and .ndjson files can be sent", arg)
			}
			found = append(found, p)
			continue
		}
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if p := file(path, info); p != nil && info.Mode().IsRegular() {
				found = append(found, p)
			} else {
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

// missing returns an error that names the working folder: with go run -C it is not the
// shell's.
func missing(name string) error {
	if wd, err := os.Getwd(); err == nil && !filepath.IsAbs(name) {
		return fmt.Errorf("%s: no such file or folder in %s", name, wd)
	}
	return fmt.Errorf("%s: no such file or folder", name)
}

// file returns the payload of a file, or nil if its name has another ending.
func file(path string, info fs.FileInfo) *payload {
	name := path
	if strings.ContainsFunc(name, unicode.IsControl) {
		name = strconv.Quote(name) // it has control characters
	}
	p := &payload{name: name, size: info.Size(), open: func() (io.ReadCloser, error) { return os.Open(path) }}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".ndjson":
		p.ndjson = true
	case ".json":
	default:
		return nil
	}
	return p
}

func sampled(c config) []*payload {
	var list []*payload
	for _, b := range append(samples.Bundles(c.seed), samples.Invalid(c.seed)) {
		list = append(list, &payload{
			name: b.Name, size: int64(len(b.Body)), refusal: b.Refusal,
			open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Body)), nil },
		})
	}
	f := samples.NDJSON(c.seed, c.size)
	return append(list, &payload{
		name: f.Name, size: f.Size, ndjson: true,
		open: func() (io.ReadCloser, error) { return io.NopCloser(f.Open()), nil },
	})
}
