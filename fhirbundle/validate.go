package fhirbundle

import (
	"errors"
	"io"
	"sync"
)

// readers are at rest, with the options of nobody and nothing of a payload.
var readers = sync.Pool{New: func() any { return newReader(nil) }}

// Validate reads src to its end and reports on it. The error is one of reading
// src; whether the payload can be taken says [Report.Err]. It is safe for concurrent
// use, also with the same options.
func Validate(src io.Reader, opts *Options) (*Report, error) {
	r := borrow(opts)
	defer giveBack(r)
	r.win.src = src
	return drain(r)
}

// ValidateBytes is [Validate] for a payload that is in memory already. It can't
// fail.
func ValidateBytes(data []byte, opts *Options) *Report {
	r := borrow(opts)
	defer giveBack(r)
	r.win.buf, r.win.err = data, io.EOF
	rep, _ := drain(r)
	return rep
}

// borrow returns a reader with these options that has nothing to read yet. What
// does not depend on options was reset when it was given back.
func borrow(opts *Options) *Reader {
	r := readers.Get().(*Reader)
	r.opts = opts.resolve()
	o := &r.opts
	r.win = window{max: o.maxEntry, step: block}
	r.col = collector{severity: o.severities(o.as()), lines: o.format == NDJSON, max: o.maxIssues}
	r.scan.use(o, r.col.severity)
	r.index.max, r.counts.v = o.maxIndex, o.version
	return r
}

// giveBack makes the reader let go of the payload before it rests.
func giveBack(r *Reader) {
	r.opts, r.col.severity, r.nested = options{}, nil, nil
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
