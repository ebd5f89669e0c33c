package fhirbundle

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// readers has idle readers, which hold nothing of a payload or of a caller's options.
var readers = sync.Pool{New: func() any { return newReader(defaults) }}

// Validate reads src to its end and reports on it. [Report.Err] says whether the payload
// is valid. The error of Validate is that src failed, or that the options are invalid,
// which matches [ErrOptions]; then the report is nil. Validate may be called
// concurrently, with the same options too.
func Validate(src io.Reader, opts *Options) (*Report, error) {
	r, err := borrow(opts)
	if err != nil {
		return nil, err
	}
	defer giveBack(r)
	r.input.Src = src
	return drain(r)
}

// ValidateBytes is [Validate] for a payload in memory. The only error is for invalid
// options; with nil options there is none.
func ValidateBytes(data []byte, opts *Options) (*Report, error) {
	r, err := borrow(opts)
	if err != nil {
		return nil, err
	}
	defer giveBack(r)
	r.input.Buf, r.input.Err = data, io.EOF
	return drain(r)
}

// borrow returns a reader with these options and nothing to read yet. Everything that
// doesn't depend on options was reset when it was given back.
func borrow(opts *Options) (*Reader, error) {
	resolved, err := opts.resolve()
	if err != nil {
		return nil, err
	}
	r := readers.Get().(*Reader)
	r.opts = resolved
	o := &r.opts
	r.input = scan.Input{Max: o.maxEntry, Step: scan.Block}
	r.collected = collector{severity: o.severities(o.readerKind()), lines: o.format == FormatNDJSON, max: o.maxIssues}
	r.useScanner()
	r.resetIndexes()
	r.counts.v = o.version
	return r, nil
}

// giveBack resets the reader and puts it back.
func giveBack(r *Reader) {
	r.opts, r.collected.severity, r.nested = options{}, common[0][0], nil
	r.ResetBytes(nil)
	readers.Put(r)
}

func drain(r *Reader) (*Report, error) {
	for {
		_, err := r.Next()
		switch {
		case err == nil:
		case err == io.EOF || errors.Is(err, ErrInvalid):
			return r.Report(), nil
		default:
			return r.Report(), err
		}
	}
}

// scanners has idle scanners, which hold nothing of a payload.
var scanners = sync.Pool{New: func() any {
	s := new(scan.Scanner)
	s.Init()
	return s
}}

// CheckJSON checks that data is one JSON value of any kind, by the rules that are always
// errors: syntax, UTF-8, duplicate names, surrogates, NUL, and the limits of opts.
// MaxEntryBytes limits the whole value. An escaped NUL is allowed, because JSON has it
// and only FHIR does not. The error is an [*InvalidError], or for invalid options, which
// matches [ErrOptions]. CheckJSON may be called concurrently, with the same options too.
func CheckJSON(data []byte, opts *Options) error {
	o, err := opts.resolve()
	if err != nil {
		return err
	}
	if isJSON(data, &o) {
		return nil
	}
	return explain(data, opts)
}

// isJSON is CheckJSON without its error.
func isJSON(data []byte, o *options) bool {
	data = bytes.TrimPrefix(data, bom)
	data = data[scan.SkipSpace(data, 0):]
	if len(data) == 0 {
		return false
	}
	s := scanners.Get().(*scan.Scanner)
	s.Use(o.limits(), new(scan.Weights), basicTable)
	s.AllowNUL = true
	end, f := s.Value(data, 0, true)
	s.Release()
	scanners.Put(s)
	return f == scan.OK && end <= o.maxEntry && scan.SkipSpace(data, end) == len(data)
}

// explain reads invalid JSON once more, to make the error.
func explain(data []byte, opts *Options) error {
	r, err := borrow(opts)
	if err != nil {
		return err
	}
	defer giveBack(r)
	r.input.Buf, r.input.Err = bytes.TrimPrefix(data, bom), io.EOF
	r.scan.AllowNUL = true
	r.input.Base = int64(len(data) - len(r.input.Buf))
	if _, ok := r.input.Peek(); !ok {
		r.failRead(scan.BadEnd)
		return r.err
	}
	end, ok := r.scanValue(0, scan.MarkNothing)
	if !ok {
		return r.err
	}
	r.input.Pos = end
	r.state, r.bundle.notObject = atTail, true
	if r.tail(); r.err != io.EOF {
		return r.err
	}
	return nil
}
