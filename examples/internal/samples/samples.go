// Package samples generates payloads for demonstrations: Bundles of each accepted type,
// one that must be refused, and an NDJSON file of any size. The data is synthetic and
// depends only on the seed.
package samples

import (
	"io"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

// Bundle is a payload for the webhook.
type Bundle struct {
	Name string // for people
	Body []byte
	// Refusal is the error that the front door must return, empty for a valid Bundle.
	Refusal string
}

// Bundles returns one Bundle of each default type, of a few hundred kilobytes each.
func Bundles(seed uint64) []Bundle {
	compact := fhirgen.New(&fhirgen.Options{Seed: seed})
	pretty := fhirgen.New(&fhirgen.Options{Seed: seed + 1, Indent: true})
	return []Bundle{
		{Name: "transaction.json", Body: compact.AppendBundle(nil, "transaction", 300)},
		{Name: "batch.json", Body: pretty.AppendBundle(nil, "batch", 120)},
		{Name: "collection.json", Body: compact.AppendBundle(nil, "collection", 500)},
		{Name: "message.json", Body: pretty.AppendBundle(nil, "message", 80)},
	}
}

// Invalid returns a Bundle whose second entry has no resource.
func Invalid(seed uint64) Bundle {
	b := []byte(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":`)
	b = fhirgen.New(&fhirgen.Options{Seed: seed}).AppendResource(b, "Patient")
	b = append(b, `,"request":{"method":"POST","url":"Patient"}},{"request":{"method":"POST","url":"Observation"}}]}`...)
	return Bundle{Name: "invalid.json", Body: b, Refusal: "Entry 1 missing 'resource' field"}
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
