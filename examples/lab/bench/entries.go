package main

import (
	"bytes"
	"io"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

// entries reads as entries of a transaction with commas between them, about left
// bytes of them. One patient's are made at a time.
type entries struct {
	left  int64
	gen   *fhirgen.Generator
	buf   []byte // a Bundle
	rest  []byte // what was not read yet of its entries
	begun bool
}

func (e *entries) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.left <= 0 {
			return 0, io.EOF
		}
		e.next()
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func (e *entries) next() {
	if e.gen == nil {
		e.gen = fhirgen.New(nil)
	}
	e.buf = e.gen.AppendBundle(e.buf[:0], "transaction", 100)
	open := []byte(`"entry":[`)
	from := bytes.Index(e.buf, open) + len(open)
	e.rest = e.buf[from : len(e.buf)-len("]}")]
	if e.begun { // a comma in the place of the bracket
		e.rest = e.buf[from-1 : len(e.buf)-len("]}")]
		e.rest[0] = ','
	}
	e.begun = true
	e.left -= int64(len(e.rest))
}
