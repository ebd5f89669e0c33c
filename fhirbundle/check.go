package fhirbundle

import (
	"bytes"
	"io"
)

// CheckJSON says whether data is one JSON value, of any kind, by the rules that
// are always errors: syntax, UTF-8, names that occur twice, surrogates, NUL, and
// the limits of opts, of which MaxEntryBytes holds for the whole value. An
// escaped NUL is no error here: JSON has it, FHIR does not. The error is an
// [*InvalidError].
func CheckJSON(data []byte, opts *Options) error {
	r := borrow(opts)
	defer giveBack(r)
	r.win.buf, r.win.err = bytes.TrimPrefix(data, bom), io.EOF
	r.scan.allowNUL = true
	r.win.base = int64(len(data) - len(r.win.buf))
	if _, ok := r.win.peek(); !ok {
		r.failRead(badEnd)
		return r.err
	}
	end, ok := r.unit(0, watchNothing)
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
