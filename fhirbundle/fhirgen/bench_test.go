package fhirgen_test

import (
	"io"
	"testing"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

func BenchmarkNDJSON(b *testing.B) {
	const size = 16 << 20
	g := fhirgen.New(nil)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.WriteNDJSON(io.Discard, size); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBundle(b *testing.B) {
	for name, indent := range map[string]bool{"compact": false, "indented": true} {
		b.Run(name, func(b *testing.B) {
			g := fhirgen.New(&fhirgen.Options{Indent: indent})
			var buf []byte
			var total int64
			b.ReportAllocs()
			for b.Loop() {
				buf = g.AppendBundle(buf[:0], "transaction", 1000)
				total += int64(len(buf))
			}
			b.SetBytes(total / int64(b.N))
		})
	}
}
