// Package samples generates payloads for demonstrations: Bundles of each accepted type,
// one that must be refused, and an NDJSON file of any size. The data is synthetic and
// depends only on the seed.
package samples

import (
	"bytes"
	"io"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

// Content types of payloads.
const (
	TypeBundle = "application/fhir+json"
	TypeNDJSON = "application/fhir+ndjson"
)

// Payload is something to send.
type Payload struct {
	Name        string // for people
	ContentType string // TypeBundle or TypeNDJSON
	Size        int64  // bytes
	// Refusal is the error that the front door must return, empty if it must accept the
	// payload.
	Refusal string
	// Open returns the payload's bytes from the start; each reader is independent.
	Open func() (io.ReadCloser, error)
}

// All returns a Bundle of each default type, of a few hundred kilobytes each, an invalid
// Bundle, and an NDJSON file of at least size bytes.
func All(seed uint64, size int64) []Payload {
	compact := fhirgen.New(&fhirgen.Options{Seed: seed})
	pretty := fhirgen.New(&fhirgen.Options{Seed: seed + 1, Indent: true})
	f := NDJSON(seed, size)
	return []Payload{
		bundle("transaction.json", compact.AppendBundle(nil, "transaction", 300), ""),
		bundle("batch.json", pretty.AppendBundle(nil, "batch", 120), ""),
		bundle("collection.json", compact.AppendBundle(nil, "collection", 500), ""),
		bundle("message.json", pretty.AppendBundle(nil, "message", 80), ""),
		bundle("invalid.json", invalid(seed), "Entry 1 missing 'resource' field"),
		{Name: f.Name, ContentType: TypeNDJSON, Size: f.Size,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(f.Open()), nil }},
	}
}

func bundle(name string, body []byte, refusal string) Payload {
	return Payload{Name: name, ContentType: TypeBundle, Size: int64(len(body)), Refusal: refusal,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }}
}

// invalid returns a Bundle whose second entry has no resource.
func invalid(seed uint64) []byte {
	b := []byte(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":`)
	b = fhirgen.New(&fhirgen.Options{Seed: seed}).AppendResource(b, "Patient")
	return append(b, `,"request":{"method":"POST","url":"Patient"}},{"request":{"method":"POST","url":"Observation"}}]}`...)
}

// File is an NDJSON file that is generated while it is read.
type File struct {
	Name  string
	Size  int64 // bytes
	Lines int64

	opts fhirgen.Options
	want int64
}

// NDJSON returns a file of at least size bytes, and at most one patient's resources, some
// hundred kilobytes, more. It is generated once to learn its length, which takes a
// fraction of a second for a gigabyte.
func NDJSON(seed uint64, size int64) File {
	f := File{Name: "patients.ndjson", opts: fhirgen.Options{Seed: seed}, want: size}
	var n counter
	// Counting can't fail.
	f.Lines, _ = fhirgen.New(&f.opts).WriteNDJSON(&n, size)
	f.Size = int64(n)
	return f
}

// Open returns the file's bytes from the start; each reader is independent.
func (f File) Open() io.Reader { return fhirgen.New(&f.opts).Reader(f.want) }

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
