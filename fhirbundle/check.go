package fhirbundle

import (
	"bytes"
	"io"
	"sync"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// scanners are at rest, with nothing of a payload.
var scanners = sync.Pool{New: func() any {
	s := new(scan.Scanner)
	s.Init()
	return s
}}

// CheckJSON says whether data is one JSON value, of any kind, by the rules that
// are always errors: syntax, UTF-8, names that occur twice, surrogates, NUL, and
// the limits of opts, of which MaxEntryBytes holds for the whole value. An
// escaped NUL is no error here: JSON has it, FHIR does not. The error is an
// [*InvalidError], or that the options can't work, which matches [ErrOptions].
// CheckJSON is safe for concurrent use, also with the same options.
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

// explain reads what is not JSON once more, for its error.
func explain(data []byte, opts *Options) error {
	r, err := borrow(opts)
	if err != nil {
		return err
	}
	defer giveBack(r)
	r.win.Buf, r.win.Err = bytes.TrimPrefix(data, bom), io.EOF
	r.scan.AllowNUL = true
	r.win.Base = int64(len(data) - len(r.win.Buf))
	if _, ok := r.win.Peek(); !ok {
		r.failRead(scan.BadEnd)
		return r.err
	}
	end, ok := r.unit(0, scan.MarkNothing)
	if !ok {
		return r.err
	}
	r.win.Pos = end
	r.state, r.bundle.notObject = atTail, true
	if r.tail(); r.err != io.EOF {
		return r.err
	}
	return nil
}
