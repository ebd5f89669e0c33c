package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"

	"github.com/buger/jsonparser"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/minio/simdjson-go"
)

func intoMap(doc []byte) bool {
	var m map[string]any
	return json.Unmarshal(doc, &m) == nil
}

func intoAny(doc []byte) bool {
	var v any
	return json.Unmarshal(doc, &v) == nil
}

func stdValid(doc []byte) bool { return json.Valid(doc) }

// text reads with jsontext, one decoder for everything, and names that occur
// twice refused, which is its default.
type text struct{ dec *jsontext.Decoder }

func newText() *text { return &text{dec: jsontext.NewDecoder(bytes.NewReader(nil))} }

func (t *text) read(d *dataset) (refused int) {
	for _, p := range d.payloads {
		t.dec.Reset(bytes.NewBuffer(p)) // which is read in place
		for {
			if _, err := t.dec.ReadValue(); err != nil {
				if err != io.EOF {
					refused++
				}
				break
			}
		}
	}
	return refused
}

func (t *text) accepts(doc []byte) bool {
	t.dec.Reset(bytes.NewBuffer(doc))
	if _, err := t.dec.ReadValue(); err != nil {
		return false
	}
	_, err := t.dec.ReadValue()
	return err == io.EOF
}

// simd reads with simdjson-go as fast as it goes: memory reused, strings left
// where they are, NDJSON as such.
type simd struct{ reuse *simdjson.ParsedJson }

func newSIMD() *simd { return &simd{} }

func (s *simd) read(d *dataset) (refused int) {
	for _, p := range d.payloads {
		parse := simdjson.Parse
		if len(d.docs) != len(d.payloads) {
			parse = simdjson.ParseND
		}
		parsed, err := parse(p, s.reuse, simdjson.WithCopyStrings(false))
		if err != nil {
			refused++
			continue
		}
		s.reuse = parsed
	}
	return refused
}

func (s *simd) accepts(doc []byte) bool {
	_, err := simdjson.Parse(doc, nil)
	return err == nil
}

// walk goes through a document with jsonparser, down to all leaves, which it
// does not decode.
func walk(doc []byte) bool {
	value, kind, end, err := jsonparser.Get(doc)
	return err == nil && len(bytes.TrimSpace(doc[end:])) == 0 && walkValue(value, kind) == nil
}

func walkValue(value []byte, kind jsonparser.ValueType) error {
	switch kind {
	case jsonparser.Object:
		return jsonparser.ObjectEach(value, func(_, v []byte, k jsonparser.ValueType, _ int) error {
			return walkValue(v, k)
		})
	case jsonparser.Array:
		var inner error
		_, err := jsonparser.ArrayEach(value, func(v []byte, k jsonparser.ValueType, _ int, _ error) {
			if e := walkValue(v, k); e != nil && inner == nil {
				inner = e
			}
		})
		if err != nil {
			return err
		}
		return inner
	}
	return nil
}

// hash is what a front door does with the same bytes anyway.
func hash(d *dataset) (refused int) {
	for _, p := range d.payloads {
		sha256.Sum256(p)
	}
	return 0
}

// loop reads and does nothing: the bytes are copied once.
type loop struct{ buf []byte }

func newLoop() *loop { return &loop{buf: make([]byte, 256<<10)} }

func (l *loop) read(d *dataset) (refused int) {
	src := bytes.NewReader(nil)
	for _, p := range d.payloads {
		src.Reset(p)
		for {
			if _, err := src.Read(l.buf); err != nil {
				break
			}
		}
	}
	return 0
}
