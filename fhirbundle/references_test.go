package fhirbundle

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRecentReferences: of equal references, however they are written, only the first
// one is reported, and again in the next payload.
func TestRecentReferences(t *testing.T) {
	refer := func(quoted string) string {
		return post(`{"resourceType":"Basic","subject":{"reference":"` + quoted + `"}}`)
	}
	const one, two = "urn:uuid:00000000-0000-4000-8000-000000000001", "urn:uuid:00000000-0000-4000-8000-000000000002"
	doc := tx(
		refer(one), refer(one), refer(two), refer(one), refer(two),
		refer(strings.Replace(one, "u", `\u0075`, 1)), // as one
		refer(one[:40]),                            // shorter
		refer(one+"0"),                             // longer
		refer(one[:44]+`\"`), refer(one[:44]+`\"`), // a quote where others end
		refer(one[:43]+`\/`), refer(one[:43]+`/`), // the same
	)
	r := must(NewBytesReader(nil, &Options{Severities: map[string]Severity{"fhir-uuid": SeverityNone}}))
	for range 2 {
		r.ResetBytes([]byte(doc))
		readAll(t, r)
		var at []int64
		for _, is := range r.Report().Issues {
			require.Equal(t, "ref-urn", is.Code)
			at = append(at, *is.Entry)
		}
		assert.Equal(t, []int64{0, 2, 6, 7, 8, 10}, at)
	}
}

// TestManyReferences: references beyond the size of the cache are each compared with all
// fullUrls.
func TestManyReferences(t *testing.T) {
	var entries []string
	for i := range 300 {
		entries = append(entries, fmt.Sprintf(
			`{"fullUrl":"urn:uuid:00000000-0000-4000-8000-%012d","resource":{"resourceType":"Basic","a":[{"reference":"urn:uuid:00000000-0000-4000-8000-%012d"},{"reference":"urn:uuid:00000000-0000-4000-8000-%012d"}]},"request":{"method":"POST","url":"Basic"}}`,
			i, (i*7+3)%300, i/200*1000+i%40))
	}
	rep := must(ValidateBytes([]byte(tx(entries...)), nil))
	assert.Len(t, rep.Issues, 40) // 1000 to 1039 are of nobody
}

// TestReferenceKinds: the start of a reference determines its kind, escaped or not.
func TestReferenceKinds(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "",
		"Patient":            "",
		"Patient/1":          "",
		"Patient?name=x":     "ref-conditional",
		`Pat\u0069ent?x=1`:   "ref-conditional",
		`Patient\u003fx=1`:   "ref-conditional",
		"?x=1":               "",
		"Pat-ient?x=1":       "",
		"#":                  "",
		"#gone":              "ref-1",
		`\u0023gone`:         "ref-1",
		`\u0023`:             "",
		`\u0041`:             "",
		uuid1:                "ref-urn",
		`urn\u003auuid:1`:    "fhir-uuidref-urn",
		"urn:oid:1.2":        "ref-urn",
		"urn:isbn:1":         "",
		"http://a.b/c?d=e#f": "",
	} {
		rep := must(ValidateBytes([]byte(bundleOf("collection", false,
			`{"fullUrl":"http://a.b/Basic/1","resource":{"resourceType":"Basic","id":"1","a":{"reference":"`+text+`"}}}`)), nil))
		got := ""
		for _, is := range rep.Issues {
			if is.Code != "fhir-json-empty-string" {
				got += is.Code
			}
		}
		assert.Equal(t, want, got, text)
	}
}
