package fhirbundle

import (
	"bytes"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// oracleDepth is how deep jsontext lets values nest. With this limit, the two agree on
// every document.
const oracleDepth = 10_000

// oracle reports whether data is one JSON value, by jsontext.
func oracle(dec *jsontext.Decoder, data []byte) bool {
	dec.Reset(bytes.NewBuffer(data))
	if _, err := dec.ReadValue(); err != nil {
		return false
	}
	_, err := dec.ReadToken()
	return err == io.EOF
}

// span is a value of a document, and how many objects and arrays are open
// around it.
type span struct {
	start, end, depth int
}

// spans returns the values of a document, except names, up to its first error. open are
// the objects and arrays that were not closed by then, whose end is 0.
func spans(dec *jsontext.Decoder, data []byte) (all, open []span) {
	dec.Reset(bytes.NewBuffer(data))
	for {
		before := int(dec.InputOffset())
		tok, err := dec.ReadToken()
		if err != nil {
			return all, open
		}
		start := before + len(data[before:]) - len(bytes.TrimLeft(data[before:], " \t\r\n,:"))
		end := int(dec.InputOffset())
		switch tok.Kind() {
		case '{', '[':
			open = append(open, span{start: start, depth: len(open)})
		case '}', ']':
			last := open[len(open)-1]
			last.end = end
			all, open = append(all, last), open[:len(open)-1]
		default:
			if kind, n := dec.StackIndex(dec.StackDepth()); kind == '{' && n%2 == 1 {
				continue // a name
			}
			all = append(all, span{start, end, len(open)})
		}
	}
}

// must returns v, and panics on an error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
