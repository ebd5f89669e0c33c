package fhirbundle

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

// oracle says what jsontext says: whether data is one JSON value.
func oracle(dec *jsontext.Decoder, data []byte) bool {
	dec.Reset(bytes.NewBuffer(data))
	if _, err := dec.ReadValue(); err != nil {
		return false
	}
	_, err := dec.ReadToken()
	return err == io.EOF
}

// ranges are the byte ranges of all values and names of a document, by jsontext.
func ranges(dec *jsontext.Decoder, data []byte) map[[2]int64]bool {
	all := map[[2]int64]bool{}
	dec.Reset(bytes.NewBuffer(data))
	var open []int64
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return all
		}
		end := dec.InputOffset()
		switch tok.Kind() {
		case '{', '[':
			open = append(open, end-1)
		case '}', ']':
			all[[2]int64{open[len(open)-1], end}] = true
			open = open[:len(open)-1]
		default:
			all[[2]int64{0, end}] = true
		}
	}
}

// seeds are documents that are worth mutating.
func seeds(t testing.TB) [][]byte {
	g := fhirgen.New(nil)
	all := [][]byte{
		g.AppendBundle(nil, "transaction", 1),
		g.AppendResource(nil, "Patient"),
		[]byte(tx(post(patient), `{"request":{"method":"GET","url":"A"}}`)),
		[]byte(`{"resourceType":"Bundle","entry":[{"fullUrl":"a","resource":{"given":["a",null],"_given":[null,{"id":"\ud83d\ude00é"}],"n":[-0.0e-10,1E+5,0,10,true,false,null,"",[],{}]}}],"type":"batch"} `),
		[]byte("{\"" + many(60)[1:] + "}"),
		[]byte(`[[[[[[[[{"a":{"b":{"c":["\"\\\/\b\f\n\r\t"]}}}]]]]]]]]`),
	}
	for _, f := range corpusFiles(t) {
		if len(f.data) < 3000 {
			all = append(all, f.data)
		}
	}
	return all
}

var pieces = []string{
	`"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, ` `, "\n", "\t", "\r", "\x00", "\x1f", "\x7f", "\x80", "\xc0\x80", "\xc2\xa9", "\xe2\x82\xac",
	"\xed\xa0\x80", "\xf0\x9f\x98\x80", "\xf4\x90\x80\x80", "\xf8", "\xef\xbb\xbf", `\u0000`, `\u0061`, `\ud800`, `\udc00`, `\ud83d\ude00`, `\uD83D\u0041`, `\x`,
	`0`, `-`, `1.`, `.5`, `1e5`, `1E-`, `01`, `-0`, `123456789012345678901234567890`, `true`, `false`, `null`, `nul`, `""`, `"a":1`, `"a":1,"a":2`,
	`"resourceType":"Bundle"`, `"id":"x"`, `{"a":`, `[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[`, `]]]]]]]]]]]]`, `,,`, `{}`, `[]`, `"entry":[`,
}

// mutate changes a document in one to three places.
func mutate(r *rand.Rand, all [][]byte) []byte {
	data := bytes.Clone(all[r.IntN(len(all))])
	for range 1 + r.IntN(3) {
		if len(data) == 0 {
			return data
		}
		i := r.IntN(len(data))
		j := min(len(data), i+1+r.IntN(12))
		switch r.IntN(8) {
		case 0: // cut
			data = data[:i]
		case 1: // flip
			data[i] ^= 1 << r.IntN(8)
		case 2: // leave out
			data = append(data[:i], data[j:]...)
		case 3: // double
			data = append(data[:j:j], data[i:]...)
		case 4, 5: // put in
			data = append(data[:i:i], append([]byte(pieces[r.IntN(len(pieces))]), data[i:]...)...)
		case 6: // replace
			data = append(data[:i:i], append([]byte(pieces[r.IntN(len(pieces))]), data[j:]...)...)
		case 7: // splice
			other := all[r.IntN(len(all))]
			if len(other) > 0 {
				k := r.IntN(len(other))
				data = append(data[:i:i], other[k:min(len(other), k+200)]...)
			}
		}
	}
	return data
}

// compare checks one document against jsontext: the verdict, and where values
// end. Depth is the one thing that only we limit.
func compare(t testing.TB, dec *jsontext.Decoder, data []byte) {
	o := &Options{MaxDepth: 1000}
	err := CheckJSON(data, o)
	data = bytes.TrimPrefix(data, bom) // jsontext does not know it
	if want := oracle(dec, data); want != (err == nil) {
		t.Fatalf("jsontext says %v, we say %v of %q", want, err, data)
	}
	if err != nil {
		return
	}
	r := NewBytesReader(data, o)
	var all map[[2]int64]bool
	for e, err := range r.All() {
		if err != nil {
			break // not a Bundle, or an escaped NUL
		}
		if all == nil {
			all = ranges(dec, data)
		}
		end := e.Offset + e.Size
		if !all[[2]int64{e.Offset, end}] && !all[[2]int64{0, end}] {
			t.Fatalf("entry %d, [%d:%d], is no value in %q", e.Index, e.Offset, end, data)
		}
		if end = e.ResourceOffset + int64(len(e.Resource)); e.Resource != nil && !all[[2]int64{e.ResourceOffset, end}] {
			t.Fatalf("resource %d, [%d:%d], is no object in %q", e.Index, e.ResourceOffset, end, data)
		}
		if e.Request != nil && !jsontext.Value(e.Request).IsValid() {
			t.Fatalf("request %d is no object in %q", e.Index, data)
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
		compare(t, dec, data)
	}
	r := rand.New(rand.NewPCG(uint64(n), 3))
	good := 0
	for range n {
		data := mutate(r, all)
		compare(t, dec, data)
		if oracle(dec, data) {
			good++
		}
	}
	t.Logf("%d documents, %d of them valid", n, good)
	require.Greater(t, good, n/100)
}
