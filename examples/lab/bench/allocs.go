package main

import (
	"bytes"
	"io"
	"testing"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

// allocs are allocations of one way to read.
type allocs struct {
	name   string
	bundle float64 // of a Bundle of 1,000 entries
	entry  float64 // for each entry more
}

// countAllocs counts for each way to read. For the figure of an entry a Bundle is
// compared with one of half as many entries, which has all types already.
func countAllocs() []allocs {
	half := fhirgen.New(nil).AppendBundle(nil, "transaction", 500)
	full := fhirgen.New(nil).AppendBundle(nil, "transaction", 1000)
	src := bytes.NewReader(nil)
	var all []allocs
	for _, by := range []struct {
		name string
		open func(data []byte) *fhirbundle.Reader
	}{
		{"memory", func(data []byte) *fhirbundle.Reader {
			return open(data, &fhirbundle.Options{Level: fhirbundle.LevelBasic})
		}},
		{"strict", func(data []byte) *fhirbundle.Reader {
			return open(data, &fhirbundle.Options{Level: fhirbundle.LevelStrict})
		}},
		{"stream", func(data []byte) *fhirbundle.Reader {
			src.Reset(data)
			r, err := fhirbundle.NewReader(struct{ io.Reader }{src}, &fhirbundle.Options{Level: fhirbundle.LevelBasic})
			if err != nil {
				panic(err)
			}
			return r
		}},
	} {
		count := func(data []byte) float64 {
			return testing.AllocsPerRun(10, func() { drain(by.open(data)) })
		}
		n, m := count(half), count(full)
		all = append(all, allocs{name: by.name, bundle: m, entry: (m - n) / 500})
	}
	return all
}
