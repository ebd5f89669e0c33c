package fhirbundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

// benchData are Synthea-shaped payloads: Bundles of 400 entries of 1 to 3 KB,
// compact and indented, a Bundle of 1.6 kB, and NDJSON.
func benchData() []struct {
	name   string
	format Format
	data   []byte
} {
	var nd bytes.Buffer
	if _, err := fhirgen.New(nil).WriteNDJSON(&nd, 1<<20); err != nil {
		panic(err)
	}
	return []struct {
		name   string
		format Format
		data   []byte
	}{
		{"compact", FormatBundle, fhirgen.New(nil).AppendBundle(nil, "transaction", 400)},
		{"indented", FormatBundle, fhirgen.New(&fhirgen.Options{Indent: true}).AppendBundle(nil, "transaction", 400)},
		{"small", FormatBundle, []byte(fmt.Sprintf(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":%s,"request":{"method":"POST","url":"Procedure"}}]}`,
			fhirgen.New(nil).AppendResource(nil, "Procedure")))}, // 1.6 kB
		{"ndjson", FormatNDJSON, nd.Bytes()},
	}
}

func readAll(b testing.TB, r *Reader) {
	for {
		_, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAgainstMap reads alternately with this package and with encoding/json into a
// map, and reports the ratio of the medians as x-map. Alternating makes other load
// affect both.
func BenchmarkAgainstMap(b *testing.B) {
	for _, d := range benchData() {
		o := &Options{Format: d.format, Level: LevelBasic}
		src := bytes.NewReader(nil)
		reused := must(NewBytesReader(nil, o))
		strict := must(NewBytesReader(nil, &Options{Format: d.format, Level: LevelStrict}))
		for _, by := range []struct {
			name string
			read func()
		}{
			{"reset", func() { reused.ResetBytes(d.data); readAll(b, reused) }},
			{"memory", func() { readAll(b, must(NewBytesReader(d.data, o))) }},
			{"stream", func() { src.Reset(d.data); readAll(b, must(NewReader(struct{ io.Reader }{src}, o))) }},
			{"strict", func() { strict.ResetBytes(d.data); readAll(b, strict) }},
		} {
			b.Run(by.name+"/"+d.name, func(b *testing.B) {
				var ours, theirs []time.Duration
				for b.Loop() {
					ours = append(ours, took(by.read, len(d.data)))
					theirs = append(theirs, took(func() { readMaps(b, d.format, d.data) }, len(d.data)))
				}
				slices.Sort(ours)
				slices.Sort(theirs)
				b.ReportMetric(float64(theirs[len(theirs)/2])/float64(ours[len(ours)/2]), "x-map")
				b.ReportMetric(0, "ns/op") // of both together: says nothing
			})
		}
	}
}

// took returns the time to read 200 kB in payloads of that size.
func took(read func(), size int) time.Duration {
	runtime.GC() // what the other left is not collected in this one's time
	start := time.Now()
	for n := 0; n < 200_000; n += size {
		read()
	}
	return time.Since(start)
}

func readMaps(b testing.TB, format Format, data []byte) {
	for doc := range documents(format, data) {
		var m map[string]any
		if err := json.Unmarshal(doc, &m); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads at the default level, in memory and from a stream.
func BenchmarkRead(b *testing.B) {
	for _, d := range benchData() {
		o := &Options{Format: d.format}
		b.Run("memory/"+d.name, func(b *testing.B) {
			b.SetBytes(int64(len(d.data)))
			b.ReportAllocs()
			for b.Loop() {
				readAll(b, must(NewBytesReader(d.data, o)))
			}
		})
		b.Run("stream/"+d.name, func(b *testing.B) {
			b.SetBytes(int64(len(d.data)))
			b.ReportAllocs()
			src := bytes.NewReader(nil)
			for b.Loop() {
				src.Reset(d.data)
				readAll(b, must(NewReader(struct{ io.Reader }{src}, o)))
			}
		})
	}
}

// BenchmarkEncodingJSONMap is the usual way in Go: encoding/json into a map.
func BenchmarkEncodingJSONMap(b *testing.B) {
	for _, d := range benchData() {
		b.Run(d.name, func(b *testing.B) {
			b.SetBytes(int64(len(d.data)))
			b.ReportAllocs()
			for b.Loop() {
				readMaps(b, d.format, d.data)
			}
		})
	}
}

// BenchmarkJSONText is the strict library that the scanner is tested against.
func BenchmarkJSONText(b *testing.B) {
	for _, d := range benchData() {
		b.Run(d.name, func(b *testing.B) {
			b.SetBytes(int64(len(d.data)))
			dec := jsontext.NewDecoder(bytes.NewReader(nil))
			for b.Loop() {
				dec.Reset(bytes.NewBuffer(d.data))
				for {
					if _, err := dec.ReadValue(); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func documents(f Format, data []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		if f == FormatBundle {
			yield(data)
			return
		}
		for line := range bytes.Lines(data) {
			if !yield(line) {
				return
			}
		}
	}
}

// BenchmarkHostile shows that time is linear: for each document MB/s must not fall from
// one size to the next.
func BenchmarkHostile(b *testing.B) {
	sizes := []int{1 << 20, 4 << 20, 16 << 20}
	for _, h := range hostile {
		b.Run(h.name, func(b *testing.B) {
			var data [3][]byte
			for i, size := range sizes {
				data[i] = h.make(size)
			}
			var best [3]float64
			for b.Loop() {
				for i := range sizes {
					runtime.GC()
					start := time.Now()
					rep := must(ValidateBytes(data[i], nil))
					took := time.Since(start)
					read := rep.Bytes
					if read < int64(len(data[i])) && len(rep.Issues) > 0 { // broken there
						read = rep.Issues[len(rep.Issues)-1].Offset
					}
					best[i] = max(best[i], float64(read)/1e6/took.Seconds())
				}
			}
			for i, size := range sizes {
				b.ReportMetric(best[i], fmt.Sprintf("MB/s-%02dMiB", size>>20))
			}
			b.ReportMetric(0, "ns/op") // of all together: says nothing
		})
	}
}
