package main

import (
	"bytes"
	"io"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

// fhirbundle, as it is measured: to the end of each payload, with its report.
// Options are the defaults, save for the format, and the types of the corpus.

// readMemory reads payloads that are in memory.
func readMemory(level fhirbundle.Level) func(d *dataset) (refused int) {
	return func(d *dataset) (refused int) {
		o := options(d, level)
		for _, p := range d.payloads {
			if !drain(fhirbundle.NewBytesReader(p, o)) {
				refused++
			}
		}
		return refused
	}
}

// readStream reads payloads from an io.Reader that is nothing else.
func readStream(level fhirbundle.Level) func(d *dataset) (refused int) {
	return func(d *dataset) (refused int) {
		o := options(d, level)
		src := bytes.NewReader(nil)
		for _, p := range d.payloads {
			src.Reset(p)
			if !drain(fhirbundle.NewReader(struct{ io.Reader }{src}, o)) {
				refused++
			}
		}
		return refused
	}
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
		return drain(fhirbundle.NewBytesReader(doc, &fhirbundle.Options{Level: level}))
	}
}
