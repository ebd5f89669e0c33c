package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

// dataset is what a contestant reads in one go.
type dataset struct {
	name   string
	format fhirbundle.Format
	// payloads are what arrives as one piece: a Bundle, or an NDJSON file.
	payloads [][]byte
	// docs are the JSON documents in them. They are cut beforehand, which costs
	// those that know no NDJSON nothing.
	docs [][]byte
	// types are the Bundle types in it that are not accepted by default; empty
	// means any.
	types []string
}

func (d *dataset) size() int {
	n := 0
	for _, p := range d.payloads {
		n += len(p)
	}
	return n
}

// Names of the data sets that goals are about.
const (
	compact  = "compact"
	indented = "indented"
	ndjson   = "NDJSON"
	small    = "1.6 KB"
)

// datasets makes the synthetic data, the same at each run, and reads the corpus
// if there is one.
func datasets(c config) ([]*dataset, error) {
	one := func(name string, data []byte) *dataset {
		return &dataset{name: name, format: fhirbundle.FormatBundle, payloads: [][]byte{data}, docs: [][]byte{data}}
	}
	lines := &dataset{name: ndjson, format: fhirbundle.FormatNDJSON}
	var b bytes.Buffer
	if _, err := fhirgen.New(nil).WriteNDJSON(&b, int64(c.entries)*2048); err != nil {
		return nil, err
	}
	lines.payloads = [][]byte{b.Bytes()}
	for line := range bytes.Lines(b.Bytes()) {
		lines.docs = append(lines.docs, line)
	}
	bundle := fhirgen.New(nil).AppendBundle(nil, "transaction", c.entries)
	bundles, err := smallBundles(bundle)
	if err != nil {
		return nil, err
	}
	sets := []*dataset{
		one(compact, bundle),
		one(indented, fhirgen.New(&fhirgen.Options{Indent: true}).AppendBundle(nil, "transaction", c.entries)),
		lines,
		{name: small, format: fhirbundle.FormatBundle, payloads: bundles, docs: bundles},
	}
	if c.corpus != "" {
		field, err := fieldBundles(c.corpus)
		if err != nil {
			return nil, err
		}
		sets = append(sets, &dataset{name: "corpus", format: fhirbundle.FormatBundle, payloads: field, docs: field, types: []string{}})
	}
	return sets, nil
}

// smallBundles are Bundles of 1.4 to 1.8 KB with one entry each, which are those
// entries of a larger one that are about as long as that.
func smallBundles(bundle []byte) ([][]byte, error) {
	var parts struct{ Entry []json.RawMessage }
	if err := json.Unmarshal(bundle, &parts); err != nil {
		return nil, err
	}
	var all [][]byte
	for _, e := range parts.Entry {
		b := fmt.Appendf(nil, `{"resourceType":"Bundle","type":"transaction","entry":[%s]}`, e)
		if len(b) >= 1400 && len(b) <= 1800 {
			all = append(all, b)
		}
		if len(all) == 64 {
			break
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no entry of %d is of 1.4 to 1.8 KB", len(parts.Entry))
	}
	return all, nil
}
