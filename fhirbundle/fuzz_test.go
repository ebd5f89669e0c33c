package fhirbundle

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

func addSeeds(f *testing.F) {
	for _, s := range hostile {
		f.Add(s.make(200))
	}
	f.Add([]byte(tx(post(patient), `{"request":{"method":"GET","url":"A"}}`)))
	f.Add([]byte(patient + "\r\n\n" + patient + "\n[1]\n{\n"))
	f.Add([]byte("\xef\xbb\xbf{\"resourceType\":\"Bundle\",\"entry\":[{\"fullUrl\":\"http://a/B/1\",\"resource\":{\"resourceType\":\"B\",\"id\":\"2\"}}],\"type\":\"batch\"}"))
	f.Add([]byte(`{"a":[null,"\u0061\ud83d\ude00"],"_a":[{"id":"1"},null],"":"","b":{"c":[[]]}}`))
}

var fuzzOptions = []Options{
	{},
	{Level: Strict, Types: []string{}, MaxIssues: 5},
	{MaxDepth: 5, MaxStringBytes: 20, MaxEntryBytes: 100},
	{Format: NDJSON},
	{Format: NDJSON, Level: Strict, MaxDepth: 5, MaxStringBytes: 20, MaxEntryBytes: 100},
}

// FuzzReader: a document tells the same through every window, and everything it
// tells lies within it.
func FuzzReader(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for i := range fuzzOptions {
			o := &fuzzOptions[i]
			want := look(NewBytesReader(data, o))
			require.LessOrEqual(t, want.Report.Bytes, int64(len(data)))
			last := int64(0)
			for k, e := range want.Entries {
				require.GreaterOrEqual(t, e.Offset, last)
				last = e.Offset + e.Size
				require.LessOrEqual(t, last, want.Positions[k].Offset)
				require.True(t, bytes.HasPrefix(data[e.ResourceOffset:], e.Resource))
				require.Equal(t, int64(bytes.Count(data[:e.Offset], newline)+1), e.Line)
			}
			for _, is := range want.Report.Issues {
				require.LessOrEqual(t, is.Offset, int64(len(data)))
				require.Equal(t, int64(bytes.Count(data[:is.Offset], newline)+1), max(is.Line, 1), "%+v", is)
			}
			for _, step := range []int{1, 5, block} {
				require.Equal(t, want, look(stepped(bytes.NewReader(data), o, step)))
			}
		}
	})
}

// FuzzResume: reading resumed at any boundary goes on as if it had not stopped.
func FuzzResume(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for i := range fuzzOptions {
			checkResume(t, "fuzz", data, &fuzzOptions[i])
		}
	})
}

// FuzzCheckJSON compares with jsontext.
func FuzzCheckJSON(f *testing.F) {
	addSeeds(f)
	dec := jsontext.NewDecoder(bytes.NewReader(nil))
	f.Fuzz(func(t *testing.T, data []byte) { compare(t, dec, data, maxSpans) })
}

// FuzzOutcome: what NewOutcome makes of any text comes back as it was.
func FuzzOutcome(f *testing.F) {
	f.Add("entry 3, line 2, byte offset 1")
	f.Add("line -1")
	f.Fuzz(func(t *testing.T, text string) {
		o := OperationOutcome{Issue: []OutcomeIssue{{Severity: "error", Code: "value", Diagnostics: text}}}
		issues := o.Issues()
		require.Len(t, issues, 1)
		again := NewOutcome(issues).Issues()
		require.Equal(t, issues, again)
	})
}
