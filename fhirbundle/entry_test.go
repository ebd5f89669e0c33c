package fhirbundle

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestPathsInEntry: the path of a finding says whether it is in the resource or the
// request, even if these are not objects.
func TestPathsInEntry(t *testing.T) {
	const in, at, req = "Bundle.entry[0].resource", "Bundle.entry[0]", "Bundle.entry[0].request"
	for _, c := range []struct{ entry, path string }{ // of the last issue
		{`{"search":{"a":1},"resource":{"a":null}}`, in},
		{`{"resource":{"a":1},"search":{"a":null}}`, at},
		{`{"resource":null}`, in},
		{`{"resource":"","x":1}`, in},
		{`{"resource":7,"search":{"a":null}}`, at},
		{`{"resource":7,"search":{"resourceType":null}}`, at},
		{`{"resource":[{"a":""}],"search":1}`, in},
		{`{"resource":[7],"search":""}`, at},
		{`{"request":7,"search":{"method":null}}`, at},
		{`{"request":{"method":"GET","url":"a","x":[]},"search":1}`, req},
		{`{"resource":{"a":x}}`, in},
		{`{"resource":7,"search":{"a":x}}`, at},
		{`{"resource":7,"search":{"a":`, at},
		{`{"resource":{"a":`, in},
		{`{"resource"x{"a":1}}`, at},
		{`{"resource":{"a":1},x}`, at},
	} {
		doc := `{"resourceType":"Bundle","type":"history","entry":[` + c.entry
		if strings.HasSuffix(c.entry, "}") {
			doc += `]}`
		}
		got := eachStep(t, doc, &Options{Types: []string{}})
		if n := len(got.Report.Issues); assert.NotZero(t, n, c.entry) {
			assert.Equal(t, c.path, got.Report.Issues[n-1].Path, c.entry)
		}
	}
}

// TestNamesFurtherIn: members of objects inside a resource or an entry are not taken for
// members of the resource or the entry.
func TestNamesFurtherIn(t *testing.T) {
	const deeper = `"a":{"id":"x y","resourceType":"Flag","meta":{"id":1},"fullUrl":"z","method":"z","url":"z","resource":{"id":7},"request":{"method":"z"}}`
	resource := `{` + deeper + `,"resourceType":"Patient","id":"p",` + strings.Replace(deeper, `"a"`, `"b"`, 1) + `}`
	line := look(must(NewBytesReader([]byte(resource), &Options{Format: FormatNDJSON, Level: LevelStrict})))
	entry := look(must(NewBytesReader([]byte(tx(`{`+deeper+`,"fullUrl":"`+uuid1+`","resource":`+resource+`,"request":{"method":"PUT",`+strings.Replace(deeper, `"a"`, `"c"`, 1)+`,"url":"Patient/p"},`+strings.Replace(deeper, `"a"`, `"d"`, 1)+`}`)), &Options{Level: LevelStrict})))
	for _, s := range []seen{line, entry} {
		assert.Empty(t, s.Report.Issues)
		assert.Equal(t, "Patient", s.Entries[0].Type)
		assert.Equal(t, "p", string(s.Entries[0].ID))
		assert.Equal(t, resource, string(s.Entries[0].Resource))
	}
	e := entry.Entries[0]
	assert.Equal(t, uuid1, string(e.FullURL))
	assert.Equal(t, "PUT Patient/p", e.Method+" "+string(e.URL))
}

// TestPathsAfterAnEntry: where the resource of one entry ends does not affect the next
// entry.
func TestPathsAfterAnEntry(t *testing.T) {
	long := `{"resource":{"resourceType":"Basic","id":"b","text":"` + strings.Repeat("x", 200) + `"},"request":{"method":"PUT","url":"Basic/b"}}`
	rep := must(ValidateBytes([]byte(`{"resourceType":"Bundle","type":"history","entry":[`+long+`,{"resource":7,"request":8,"search":{"a":null}}]}`), &Options{Types: []string{}}))
	for _, is := range rep.Issues {
		if is.Code == "fhir-json-null" {
			assert.Equal(t, "Bundle.entry[1]", is.Path)
			return
		}
	}
	assert.Fail(t, "not found", "%+v", rep.Issues)
}
