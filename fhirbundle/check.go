package fhirbundle

import (
	"bytes"
	"io"
	"sync"
)

// scanners are at rest, with nothing of a payload.
var scanners = sync.Pool{New: func() any {
	s := new(scanner)
	s.start()
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
	data = data[skipSpace(data, 0):]
	if len(data) == 0 {
		return false
	}
	s := scanners.Get().(*scanner)
	s.use(o.limits(), new(weights), basicTable)
	s.allowNUL = true
	end, f := s.value(data, 0, true)
	s.release()
	scanners.Put(s)
	return f == fine && end <= o.maxEntry && skipSpace(data, end) == len(data)
}

// explain reads what is not JSON once more, for its error.
func explain(data []byte, opts *Options) error {
	r, err := borrow(opts)
	if err != nil {
		return err
	}
	defer giveBack(r)
	r.win.buf, r.win.err = bytes.TrimPrefix(data, bom), io.EOF
	r.scan.allowNUL = true
	r.win.base = int64(len(data) - len(r.win.buf))
	if _, ok := r.win.peek(); !ok {
		r.failRead(badEnd)
		return r.err
	}
	end, ok := r.unit(0, markNothing)
	if !ok {
		return r.err
	}
	r.win.pos = end
	r.state, r.bundle.notObject = atTail, true
	if r.tail(); r.err != io.EOF {
		return r.err
	}
	return nil
}
