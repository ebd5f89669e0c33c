package fhirbundle

import (
	"errors"
	"io"
	"sync"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// readers are at rest: they hold nothing of a payload or of anyone's options.
var readers = sync.Pool{New: func() any { return newReader(defaults) }}

// Validate reads src to its end and reports on it. Whether the payload can be taken
// is [Report.Err]; the error here is that src failed, or that the options can't work,
// which matches [ErrOptions]: then the report is nil. Validate is safe for concurrent
// use, also with the same options.
func Validate(src io.Reader, opts *Options) (*Report, error) {
	r, err := borrow(opts)
	if err != nil {
		return nil, err
	}
	defer giveBack(r)
	r.win.Src = src
	return drain(r)
}

// ValidateBytes is [Validate] for a payload that is in memory already. The only
// error is one of the options; with nil options there is none.
func ValidateBytes(data []byte, opts *Options) (*Report, error) {
	r, err := borrow(opts)
	if err != nil {
		return nil, err
	}
	defer giveBack(r)
	r.win.Buf, r.win.Err = data, io.EOF
	return drain(r)
}

// borrow returns a reader with these options that has nothing to read yet. What
// does not depend on options was reset when it was given back.
func borrow(opts *Options) (*Reader, error) {
	resolved, err := opts.resolve()
	if err != nil {
		return nil, err
	}
	r := readers.Get().(*Reader)
	r.opts = resolved
	o := &r.opts
	r.win = scan.Input{Max: o.maxEntry, Step: scan.Block}
	r.col = collector{severity: o.severities(o.as()), lines: o.format == FormatNDJSON, max: o.maxIssues}
	r.useScanner()
	r.resetIndexes()
	r.counts.v = o.version
	return r, nil
}

// giveBack makes the reader let go of the payload before it rests.
func giveBack(r *Reader) {
	r.opts, r.col.severity, r.nested = options{}, common[0][0], nil
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
