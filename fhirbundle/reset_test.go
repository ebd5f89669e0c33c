package fhirbundle

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

// resetDocs are documents that leave a reader in every kind of state.
func resetDocs(t *testing.T) [][]byte {
	docs := [][]byte{
		nil,
		[]byte(tx(post(patient))),
		[]byte(tx(post(patient), `{"fullUrl":"a","resource":{"resourceType":"Made\u0055p","_x":[null,{"id":"a"}],"x":[1,null]}}`)),
		[]byte(`{"entry":[{"resource":{"resourceType":"A"},"request":{}}],"type":"batch","resourceType":"Bundle"}`),
		[]byte(tx(post(patient)) + " x"),
		[]byte(tx(`{"resource":{"a":{"b":[{"c":"`)),
		[]byte("\xef\xbb\xbf" + tx(post(tx(post(patient))))),
		[]byte(`[{"a":1,"a":2}]`),
		[]byte(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"a":` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + `}}]}`),
		[]byte(tx("{" + many(60)[1:] + "}")),
		[]byte(tx(strings.Repeat(`{"fullUrl":1},`, 200) + post(patient))),
		fhirgen.New(nil).AppendBundle(nil, "transaction", 300),
		fhirgen.New(&fhirgen.Options{Indent: true}).AppendBundle(nil, "message", 40),
		[]byte("{}\n\n" + patient + "\r\n{\n" + patient),
	}
	for _, f := range corpusFiles(t) {
		if len(f.data) < 100_000 {
			docs = append(docs, f.data)
		}
	}
	return docs
}

// TestReset: a reader that has read something else reads as a new one does.
func TestReset(t *testing.T) {
	docs := resetDocs(t)
	for _, o := range []*Options{nil, {Level: LevelStrict, MaxIssues: 3, MaxDepth: 12}, {Format: FormatNDJSON, Types: []string{}}} {
		fromBytes, fromStream := must(NewBytesReader(nil, o)), must(NewReader(strings.NewReader("{"), o))
		resumed := must(ResumeReader(strings.NewReader(`,{}],"a":1`), Position{Offset: 9, Entries: 2, Lines: 1}, o))
		look(resumed)
		turns := must(ResumeReader(strings.NewReader(""), Position{}, o))
		for i, data := range docs {
			want := look(must(NewBytesReader(data, o)))
			name := fmt.Sprintf("document %d, %+v", i, o)
			if i%3 > 0 {
				_, _ = fromBytes.Next() // what was begun is given up
				_, _ = fromStream.Next()
			}
			fromBytes.ResetBytes(data)
			require.Equal(t, want, look(fromBytes), name)
			fromStream.Reset(bytes.NewReader(data))
			require.Equal(t, want, look(fromStream), name)
			resumed.Reset(struct{ io.Reader }{bytes.NewReader(data)})
			require.Equal(t, want, look(resumed), name)
			if turns.Reset(bytes.NewReader(data)); i%2 == 0 {
				turns.ResetBytes(data)
			}
			require.Equal(t, want, look(turns), name)
			require.Equal(t, want.Report, must(ValidateBytes(data, o)), name)
			rep, err := Validate(bytes.NewReader(data), o)
			require.NoError(t, err)
			require.Equal(t, want.Report, rep, name)
		}
	}
}

// TestResetAllocates: small payloads, one after the other, take no buffer, no
// tables and no reader each.
func TestResetAllocates(t *testing.T) {
	data := []byte(tx(post(patient)))
	r, src := must(NewReader(strings.NewReader(""), nil)), bytes.NewReader(nil)
	n := testing.AllocsPerRun(100, func() {
		src.Reset(data)
		r.Reset(src)
		readAll(t, r)
	})
	assert.LessOrEqual(t, n, 0.0)
	n = testing.AllocsPerRun(100, func() {
		r.ResetBytes(data)
		readAll(t, r)
	})
	assert.LessOrEqual(t, n, 0.0)
}

// TestValidateLetsGo: what was validated can be collected at once.
func TestValidateLetsGo(t *testing.T) {
	for range 3 {
		data := []byte(tx(post(patient), post(tx(post(patient)))))
		p := weak.Make(&data[0])
		rep := must(ValidateBytes(data, &Options{Types: []string{}}))
		data = nil
		runtime.GC()
		assert.Nil(t, p.Value())
		runtime.KeepAlive(rep)
	}
}
