package fhirbundle

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// maxSpans is how many values of a mutated document are compared one by one.
const maxSpans = 24

// compare checks one document against jsontext: the verdict, and where values end, for
// at most so many values.
func compare(t testing.TB, dec *jsontext.Decoder, data []byte, most int) (valid bool) {
	t.Helper()
	o := &Options{MaxDepth: oracleDepth}
	err := CheckJSON(data, o)
	whole := data
	data = bytes.TrimPrefix(data, bom) // jsontext does not know it
	if want := oracle(dec, data); want != (err == nil) {
		t.Fatalf("jsontext says %v, we say %v of %q", want, err, data)
	}
	all, open := spans(dec, data)
	compareSpans(t, data, all, open, most)
	compareReader(t, whole, o, err == nil, all, len(whole)-len(data))
	return err == nil
}

// isMember reports whether the text is a member of the entry at data[from:].
func isMember(data []byte, from int, text []byte, known map[span]bool) bool {
	for at := from; ; at++ {
		n := bytes.Index(data[at:], text)
		if n < 0 {
			return false
		}
		if at += n; known[span{at, at + len(text), 3}] {
			return true
		}
	}
}

// compareReader reads a document as a Bundle. It reads to the end if it is JSON, and
// only then, and everything it yields is a value of the document. by is added to the
// offsets of the values.
func compareReader(t testing.TB, data []byte, o *Options, valid bool, all []span, by int) {
	t.Helper()
	r := must(NewBytesReader(data, o))
	var known map[span]bool
	for {
		e, err := r.Next()
		if err != nil {
			if valid != (err == io.EOF) && !bytes.Contains(data, []byte(`\u0000`)) { // which JSON has
				t.Fatalf("jsontext says %v, the reader %v of %q", valid, err, data)
			}
			return
		}
		if known == nil {
			known = make(map[span]bool, len(all))
			for _, s := range all {
				known[span{s.start + by, s.end + by, s.depth}] = true
			}
		}
		if s := (span{int(e.Offset), int(e.Offset + e.Size), 2}); !known[s] {
			t.Fatalf("entry %d, %v, is no value in %q", e.Index, s, data)
		}
		if s := (span{int(e.ResourceOffset), int(e.ResourceOffset) + len(e.Resource), 3}); e.Resource != nil && !known[s] {
			t.Fatalf("resource %d, %v, is no value in %q", e.Index, s, data)
		}
		if e.Request != nil && !isMember(data, int(e.Offset), e.Request, known) {
			t.Fatalf("request %d is no value in %q", e.Index, data)
		}
	}
}

// compareSpans scans values inside a document: each ends where jsontext says.
func compareSpans(t testing.TB, data []byte, all, open []span, most int) {
	t.Helper()
	r := must(NewBytesReader(nil, &Options{MaxDepth: oracleDepth}))
	r.scan.AllowNUL = true
	every := max(1, len(all)/most)
	for k := len(data) % every; k < len(all); k += every {
		s := all[k]
		value, length := data[s.start:], s.end-s.start
		if end, f := r.scan.Value(value, s.depth, true); f != scan.OK || end != length {
			t.Fatalf("the value at %d ends at %d, not %d (fault %d), in %q", s.start, s.end, s.start+end, f, data)
		}
		// Nothing after its end matters, and without its last byte it is no
		// value, unless it is a number.
		if end, f := r.scan.Value(value[:length], s.depth, true); f != scan.OK || end != length {
			t.Fatalf("the value at %d alone ends at %d, not %d (fault %d), in %q", s.start, s.end, s.start+end, f, data)
		}
		isNumber := value[0] == '-' || value[0]-'0' < 10
		if length > 1 && !isNumber {
			cut := 1 + (length*7+k)%(length-1)
			if _, f := r.scan.Value(value[:cut], s.depth, true); f != scan.More {
				t.Fatalf("the value at %d is not cut after %d bytes (fault %d), in %q", s.start, cut, f, data)
			}
		}
		if isNumber {
			if _, f := r.scan.Value(value[:length], s.depth, false); f != scan.More {
				t.Fatalf("the number at %d may go on (fault %d), in %q", s.start, f, data)
			}
		}
		if r.scan.OpenNames() != 0 {
			t.Fatalf("the value at %d leaves names behind, in %q", s.start, data)
		}
	}
	every = max(1, len(open)/most)
	for k := 0; k < len(open); k += every {
		if end, f := r.scan.Value(data[open[k].start:], open[k].depth, true); f == scan.OK {
			t.Fatalf("the value at %d ends at %d, and should not, in %q", open[k].start, open[k].start+end, data)
		}
		if r.scan.OpenNames() != 0 {
			t.Fatalf("the value at %d leaves names behind, in %q", open[k].start, data)
		}
	}
}

// TestDifferential: the scanner and jsontext agree on mutated documents. How
// many is set by FHIRDOCK_MUTATIONS; 150,000 by default.
func TestDifferential(t *testing.T) {
	n := 150_000
	if testing.Short() {
		n = 10_000
	}
	if s := os.Getenv("FHIRDOCK_MUTATIONS"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(t, err)
	}
	all := seeds(t)
	dec := jsontext.NewDecoder(bytes.NewReader(nil))
	for _, data := range all {
		compare(t, dec, data, len(data)+1) // every value
	}
	r := rand.New(rand.NewPCG(uint64(n), 3))
	good := 0
	for range n {
		if compare(t, dec, mutate(r, all), maxSpans) {
			good++
		}
	}
	t.Logf("%d documents, %d of them valid", n, good)
	require.Greater(t, good, n/100)
	require.Less(t, good, n-n/100)
}

// TestDifferentialCorpus: they agree on every document of the corpus, and on
// every value of those that are not too large.
func TestDifferentialCorpus(t *testing.T) {
	dec := jsontext.NewDecoder(bytes.NewReader(nil))
	for _, f := range corpus(t) {
		if f.kind != "ndjson" {
			compare(t, dec, f.data, 2000)
			continue
		}
		for line := range bytes.Lines(f.data) {
			compare(t, dec, line, 100)
		}
	}
}

// TestDifferentialNesting: they agree on what is nested as deep as jsontext
// goes, and one level deeper.
func TestDifferentialNesting(t *testing.T) {
	dec := jsontext.NewDecoder(bytes.NewReader(nil))
	for _, c := range []struct {
		open, inner, end string
		levels           int // in open
	}{
		{"[", "", "]", 1},
		{`{"a":`, "1", "}", 1},
		{`[{"a":`, "[]", "}]", 2},
		{` [ `, "{}", " ] ", 1},
	} {
		for n := oracleDepth/c.levels - 2; n <= oracleDepth/c.levels+1; n++ {
			doc := strings.Repeat(c.open, n) + c.inner + strings.Repeat(c.end, n)
			compare(t, dec, []byte(doc), maxSpans)
			compare(t, dec, []byte(doc[:len(doc)-1]), maxSpans)
		}
	}
}

// TestDifferentialPieces puts every piece at every place of a small document
// that has one of everything.
func TestDifferentialPieces(t *testing.T) {
	dec := jsontext.NewDecoder(bytes.NewReader(nil))
	doc := []byte(`{"a":["x\n\u00e9é",-1.5e+2,true,{}],"bcdefghi" : {"c":null , "d":0},"e":"😀\ud83d\ude00"}`)
	for _, p := range pieces {
		for i := range len(doc) + 1 {
			compare(t, dec, put(doc, i, i, p), maxSpans)
			if i < len(doc) {
				compare(t, dec, put(doc, i, i+1, p), maxSpans)
			}
		}
	}
	for i := range doc {
		compare(t, dec, doc[:i], maxSpans)
		for c := range 256 { // every byte at every place
			data := bytes.Clone(doc)
			data[i] = byte(c)
			compare(t, dec, data, maxSpans)
		}
	}
}
