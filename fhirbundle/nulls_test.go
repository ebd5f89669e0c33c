package fhirbundle

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestNullsAtTheEdge: a null in an array that is no member of a scanned object
// is found, and leaves nothing behind in the object around it.
func TestNullsAtTheEdge(t *testing.T) {
	const null = "fhir-json-null"
	good := `{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Basic","given":["a",null],"_given":[null,{"id":"b"}]}}`
	for _, c := range []struct {
		doc   string
		codes []string
	}{
		{`{"x":[null],"resourceType":"Bundle","type":"collection","entry":[` + good + `]}`, []string{null}},
		{`{"x":[null],"_x":[null],"resourceType":"Bundle","type":"collection","entry":[` + good + `]}`, []string{null, null}},
		{`{"resourceType":"Bundle","type":"collection","entry":[[null],` + good + `,[[null]],` + strings.Replace(good, "1.2", "1.3", 1) + `]}`, []string{"!bundle-entry-object", null, "!bundle-entry-object", null}},
		{`{"resourceType":"Bundle","type":"collection","entry":[null,` + good + `]}`, []string{"!bundle-entry-object", null}},
	} {
		got := eachStep(t, c.doc, nil)
		assert.Equal(t, "EOF", got.Err, c.doc)
		assert.Equal(t, c.codes, codes(got.Report.Issues), c.doc)
	}
	// What an array left behind must not become a name of a later object.
	doc := `[null]` + "\n" + `{"resourceType":"Basic","x":[null]}` + "\n" + `{"resourceType":"Basic","x":[null],"_x":[null]}` + "\n"
	assert.Equal(t, []string{"!ndjson-object", null, "fhir-json-both-null"}, codes(eachStep(t, doc, &Options{Format: FormatNDJSON}).Report.Issues))
}
