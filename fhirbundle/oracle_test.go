package fhirbundle

import (
	"bytes"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// oracleDepth is how deep jsontext lets values nest. With it as our limit too
// there is nothing left on which the two may differ.
const oracleDepth = 10_000

// oracle says what jsontext says: whether data is one JSON value.
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

// spans are the values of a document, names left out, up to where jsontext finds
// it broken. open are the objects and arrays that it had not closed by then,
// whose end is 0.
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

// must returns v. The options of a test work, unless it says otherwise.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
