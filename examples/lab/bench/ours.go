package main

import (
	"bytes"
	"io"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

// fhirbundle, as it is measured: to the end of each payload, with its report, by
// one reader that is used again, as a service would. Options are the defaults,
// save for the level, the format, and the types of the corpus. At level Basic it
// checks what is always an error, at level Strict every rule that it has.

// readMemory reads payloads that are in memory.
func readMemory(level fhirbundle.Level) func(d *dataset) (refused int) {
	readers := readers{level: level}
	return func(d *dataset) (refused int) {
		r := readers.of(d)
		for _, p := range d.payloads {
			r.ResetBytes(p)
			if !drain(r) {
				refused++
			}
		}
		return refused
	}
}

// readStream reads payloads from an io.Reader that is nothing else.
func readStream(level fhirbundle.Level) func(d *dataset) (refused int) {
	readers := readers{level: level}
	src := bytes.NewReader(nil)
	return func(d *dataset) (refused int) {
		r := readers.of(d)
		for _, p := range d.payloads {
			src.Reset(p)
			r.Reset(struct{ io.Reader }{src})
			if !drain(r) {
				refused++
			}
		}
		return refused
	}
}

// readers are one for each data set.
type readers struct {
	level fhirbundle.Level
	all   map[*dataset]*fhirbundle.Reader
}

func (r *readers) of(d *dataset) *fhirbundle.Reader {
	if r.all == nil {
		r.all = map[*dataset]*fhirbundle.Reader{}
	}
	if r.all[d] == nil {
		r.all[d] = open(nil, options(d, r.level))
	}
	return r.all[d]
}

// open returns a reader of data. The options here are constants that work.
func open(data []byte, opts *fhirbundle.Options) *fhirbundle.Reader {
	r, err := fhirbundle.NewBytesReader(data, opts)
	if err != nil {
		panic(err)
	}
	return r
}

func options(d *dataset, level fhirbundle.Level) *fhirbundle.Options {
	return &fhirbundle.Options{Format: d.format, Level: level, Types: d.types}
}

// drain reads to the end and says whether all of it may be taken.
func drain(r *fhirbundle.Reader) bool {
	for {
		if _, err := r.Next(); err != nil {
			rep := r.Report()
			return err == io.EOF && rep.Err() == nil && rep.Rejected == 0
		}
	}
}

// checkJSON is the scanner alone, without any rule of FHIR.
func checkJSON(doc []byte) bool { return fhirbundle.CheckJSON(doc, nil) == nil }

// acceptBundle is what the probes ask.
func acceptBundle(level fhirbundle.Level) func(doc []byte) bool {
	return func(doc []byte) bool {
		return drain(open(doc, &fhirbundle.Options{Level: level}))
	}
}
