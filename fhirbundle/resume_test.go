package fhirbundle

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

// checkResume resumes at the boundaries of a document, or at some of them if there are
// many, and compares what follows.
func checkResume(t *testing.T, name string, data []byte, o *Options) {
	t.Helper()
	whole := must(NewBytesReader(data, o))
	all := look(whole)
	if errors.Is(all.Report.Err(), ErrInvalid) && !strings.HasPrefix(all.Err, "EOF") {
		return
	}
	every := max(1, len(all.Entries)/20)
	for i := -1; i < len(all.Entries); i += every {
		var at Position
		if i >= 0 {
			at = all.Positions[i]
		}
		r := must(ResumeReader(bytes.NewReader(data[at.Offset:]), at, o))
		require.Equal(t, at, r.Position(), name)
		got := look(r)
		require.Equal(t, all.Err, got.Err, "%s at %d", name, i)
		rest := all.Entries[i+1:]
		require.Len(t, got.Entries, len(rest), "%s at %d", name, i)
		for k := range rest {
			w, g := rest[k], got.Entries[k]
			w.Issues, g.Issues, w.failed, g.failed = nil, nil, false, false
			require.Equal(t, w, g, "%s at %d", name, i)
			require.Equal(t, all.Positions[i+1+k], got.Positions[k])
		}
		require.Equal(t, int64(len(data))-at.Offset, got.Report.Bytes)
		require.Equal(t, int64(len(rest)), got.Report.Entries)
	}
}

func TestResume(t *testing.T) {
	for _, indent := range []bool{false, true} {
		g := fhirgen.New(&fhirgen.Options{Indent: indent})
		for _, typ := range []string{"transaction", "batch", "collection", "message"} {
			checkResume(t, typ, g.AppendBundle(nil, typ, 60), nil)
		}
	}
	var nd bytes.Buffer
	_, err := fhirgen.New(nil).WriteNDJSON(&nd, 200_000)
	require.NoError(t, err)
	o := &Options{Format: FormatNDJSON}
	checkResume(t, "NDJSON", nd.Bytes(), o)
	checkResume(t, "CRLF", bytes.ReplaceAll(nd.Bytes(), []byte("\n"), []byte("\r\n")), o)
	checkResume(t, "no final line feed", bytes.TrimSuffix(nd.Bytes(), []byte("\n")), o)
	checkResume(t, "blank and bad lines", []byte("\xef\xbb\xbf\n{}\n\n"+patient+"\r\n[\r\n\r\n"+patient+"\n\n"), o)
	checkResume(t, "a mark", []byte("\xef\xbb\xbf"+tx(post(patient), "\n"+post(patient))), nil)
	for _, f := range corpus(t) {
		if f.level != "json-raw" {
			checkResume(t, f.name, f.data, f.options())
		}
	}
}

// TestResumedBundle: errors after the position are found, and rules that need what comes
// before are not checked.
func TestResumedBundle(t *testing.T) {
	at := Position{Offset: 100, Entries: 3, Lines: 2}
	for _, c := range []struct {
		rest  string
		codes []string
		path  string
	}{
		{`,` + post(patient) + `]}`, nil, ""},
		{` ] , "type" : "nonsense", "resourceType":"Patient" } `, nil, ""},
		{`,{"request":{"method":"GET","url":"A"}}]}`, nil, ""},
		{`,{}]}`, []string{"bdl-5", "!entry-resource", "fhir-json-empty-object"}, "Bundle.entry[3]"},
		{`]}x`, []string{"!json-syntax"}, ""},
		{`]`, []string{"!json-syntax"}, "Bundle"},
		{``, []string{"!json-syntax"}, "Bundle.entry"},
		{`{}]}`, []string{"!json-syntax"}, "Bundle.entry"},
		{`],"entry":[]}`, []string{"!json-dup"}, "Bundle"},
		{`],"a":1,"\u0061":1}`, []string{"!json-dup"}, "Bundle"},
	} {
		got := look(must(ResumeReader(strings.NewReader(c.rest), at, nil)))
		assert.Equal(t, c.codes, codes(got.Report.Issues), c.rest)
		if len(c.codes) > 0 {
			assert.Equal(t, c.path, got.Report.Issues[0].Path, c.rest)
			assert.GreaterOrEqual(t, got.Report.Issues[0].Offset, int64(100), c.rest)
			assert.Equal(t, int64(3), got.Report.Issues[0].Line, c.rest)
			assert.Error(t, got.Report.Err())
		} else {
			assert.NoError(t, got.Report.Err(), c.rest)
		}
	}
	// Nothing left is no empty body.
	got := look(must(ResumeReader(strings.NewReader(""), at, &Options{Format: FormatNDJSON})))
	assert.NoError(t, got.Report.Err())
	assert.Zero(t, got.Report.Entries)
}

// TestBundleNamesTwice: a duplicate member of the Bundle is found, known or not, however
// it is written.
func TestBundleNamesTwice(t *testing.T) {
	for _, name := range []string{
		"type", `t\u0079pe`, "resourceType", "entry", `\u0065ntry`, "id", "identifier", "timestamp", "total",
		"link", "issues", "other", `oth\u0065r`, "",
	} {
		doc := `{"resourceType":"Bundle","id":"1","type":"batch","identifier":{"a":1},"timestamp":"x","total":1,` +
			`"link":[1],"issues":{"a":1},"other":1,"":1,"entry":[` + post(patient) + `],"` + name + `":1}`
		var invalid *InvalidError
		require.ErrorAs(t, must(ValidateBytes([]byte(doc), nil)).Err(), &invalid, name)
		assert.Equal(t, "json-dup", invalid.First.Code, name)
		assert.Equal(t, int64(strings.LastIndex(doc, `"`+name+`":1}`)), invalid.First.Offset, name)
	}
}

// TestResumedEntryTwice: a reader that resumes after an entry knows that the Bundle has
// a member entry.
func TestResumedEntryTwice(t *testing.T) {
	r := must(ResumeReader(strings.NewReader(`],"entry":[]}`), Position{Offset: 9, Entries: 1}, nil))
	_, err := r.Next()
	var invalid *InvalidError
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, int64(11), invalid.First.Offset)
	r = must(ResumeReader(strings.NewReader(`],"entries":[]}`), Position{Offset: 9, Entries: 1}, nil))
	_, err = r.Next()
	assert.Equal(t, io.EOF, err)
}
