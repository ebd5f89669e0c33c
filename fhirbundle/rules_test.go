package fhirbundle

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// bundleOf is a Bundle of a type, its members in either order.
func bundleOf(typ string, typeLast bool, entries ...string) string {
	list := `"entry":[` + strings.Join(entries, ",") + `]`
	if typeLast {
		return `{` + list + `,"type":"` + typ + `","resourceType":"Bundle"}`
	}
	return `{"resourceType":"Bundle","type":"` + typ + `",` + list + `}`
}

// TestLevelRules: what is a warning at LevelLenient and an error at LevelStrict. The
// position of the Bundle's type makes no difference.
func TestLevelRules(t *testing.T) {
	req := `"request":{"method":"POST","url":"Basic"}`
	in := func(x string) string { return `{"resource":{"resourceType":"Basic","x":` + x + `},` + req + `}` }
	for _, c := range []struct {
		name, typ, entry string
		codes            []string
		path             string
		at               string // of the first finding
	}{
		{"nothing", "transaction", in(`{"a":[1,"x",true,{"b":-1.50e+3}]}`), nil, "", ""},
		{"null", "batch", in(`null`), []string{"fhir-json-null"}, ".resource", "null"},
		{"null in an object", "batch", in(`{"a":{"b":null}}`), []string{"fhir-json-null"}, ".resource", "null"},
		{"null in an array", "batch", in(`[1,null,2,null]`), []string{"fhir-json-null"}, ".resource", "null"},
		{"null in an array with a companion", "batch", in(`{"given":["a",null],"_given":[null,{"id":"b"}]}`), nil, "", ""},
		{"null in an array with a companion before it", "batch", in(`{"_given":[null,{"id":"b"}],"z":{},"given":["a",null]}`), []string{"fhir-json-empty-object"}, ".resource", "{}"},
		{"null in an array with a companion, in escapes", "batch", in(`{"\u0067iven":["a",null],"_giv\u0065n":[null,{"id":"b"}]}`), nil, "", ""},
		{"null in an array whose companion is elsewhere", "batch", in(`{"given":["a",null],"b":{"_given":{"id":"b"}}}`), []string{"fhir-json-null"}, ".resource", "null"},
		{"null in an array in an array", "batch", in(`{"given":[[null]],"_given":[{"id":"b"}]}`), []string{"fhir-json-null", "fhir-json-array-length"}, ".resource", "null"},
		{"null in a companion alone", "batch", in(`{"_given":[null]}`), []string{"fhir-json-null"}, ".resource", "null"},
		{"null with a companion in a wide object", "batch", in(`{"given":["a",null],` + many(100) + `,"_given":[null,{"id":"b"}]}`), nil, "", ""},
		{"null without a companion in a wide object", "batch", in(`{"given":["a",null],` + many(100) + `}`), []string{"fhir-json-null"}, ".resource", "null"},
		{"null for fullUrl", "batch", `{"resource":{"resourceType":"Basic"},"fullUrl":null,` + req + `}`, []string{"fhir-json-null"}, "", "null"},
		{"empty array", "batch", in(`[ ]`), []string{"fhir-json-empty-array"}, ".resource", "[ ]"},
		{"empty object", "batch", in(`{ }`), []string{"fhir-json-empty-object"}, ".resource", "{ }"},
		{"empty string", "batch", in(`""`), []string{"fhir-json-empty-string"}, ".resource", `""`},
		{"three", "batch", in(`["",{"b":{"c":[]}},{}]`), []string{"fhir-json-empty-string", "fhir-json-empty-array", "fhir-json-empty-object"}, ".resource", `""`},
		{"empty request", "batch", `{"resource":{"resourceType":"Basic"},"request":{}}`, []string{"tx-method", "tx-url", "fhir-json-empty-object"}, ".request.method", `{}}`},
		{"no resourceType", "batch", `{"resource":{"id":"a","contained":[{"resourceType":"Flag","x":{"reference":"#"}}]},` + req + `}`, []string{"fhir-resource-type"}, ".resource", `{"id"`},
		{"odd resourceType", "batch", `{"resource":{"id":"a","resourceType":"John Doe"},` + req + `}`, []string{"fhir-resource-type"}, ".resource", `"John`},
		{"resourceType is a number", "batch", `{"resource":{"resourceType":7},` + req + `}`, []string{"fhir-resource-type"}, ".resource", `7`},
		{"odd id", "batch", `{"resource":{"id":"a b","resourceType":"Basic"},` + req + `}`, []string{"fhir-id"}, ".resource.id", `"a b`},
		{"long id", "batch", `{"resource":{"id":"` + strings.Repeat("a", 65) + `","resourceType":"Basic"},` + req + `}`, []string{"fhir-id"}, ".resource.id", `"aaa`},
		{"longest id", "batch", `{"resource":{"id":"` + strings.Repeat("a", 64) + `","resourceType":"Basic"},` + req + `}`, nil, "", ""},
		{"id is a number", "batch", `{"resource":{"id":7,"resourceType":"Basic"},` + req + `}`, []string{"fhir-id"}, ".resource.id", `7`},
		{"request missing", "transaction", `{"resource":{"resourceType":"Basic"}}`, []string{"bdl-3"}, ".request", `{"resource":`},
		{"request missing in a batch", "batch", `{"resource":{"resourceType":"Basic"}}`, []string{"bdl-3"}, ".request", `{"resource":`},
		{"request in a collection", "collection", `{"fullUrl":"urn:oid:1.2",` + in(`1`)[1:], []string{"bdl-3"}, ".request", `{"fullUrl":`},
		{"no request in a collection", "collection", `{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Basic"}}`, nil, "", ""},
		{"unknown method", "transaction", `{"resource":{"resourceType":"Basic"},"request":{"method":"post","url":"Basic"}}`, []string{"tx-method"}, ".request.method", `"post"`},
		{"no method", "transaction", `{"resource":{"resourceType":"Basic"},"request":{"url":"Basic"}}`, []string{"tx-method"}, ".request.method", `{"url"`},
		{"method in an extension", "transaction", `{"resource":{"resourceType":"Basic"},"request":{"url":"Basic","x":{"method":"PUT"}}}`, []string{"tx-method"}, ".request.method", `{"url"`},
		{"no url", "transaction", `{"resource":{"resourceType":"Basic"},"request":{"method":"PUT"}}`, []string{"tx-url"}, ".request.url", `{"method"`},
		{"request is a string", "transaction", `{"resource":{"resourceType":"Basic"},"request":"PUT"}`, []string{"tx-method", "tx-url"}, ".request.method", `"PUT"`},
		{"fullUrl agrees", "batch", `{"fullUrl":"https://a.b/Basic/12","resource":{"resourceType":"Basic","id":"12"},` + req + `}`, nil, "", ""},
		{"fullUrl without an id", "batch", `{"fullUrl":"https://a.b/Basic/","resource":{"resourceType":"Basic","id":"12"},` + req + `}`, nil, "", ""},
		{"fullUrl of another type", "batch", `{"fullUrl":"https://a.b/BA/12","resource":{"resourceType":"Basic","id":"13"},` + req + `}`, nil, "", ""},
		{"fullUrl is a urn", "batch", `{"fullUrl":"` + uuid1 + `","resource":{"resourceType":"Basic","id":"13"},` + req + `}`, nil, "", ""},
		{"fullUrl disagrees", "batch", `{"resource":{"resourceType":"Basic","id":"13"},"fullUrl":"https:\/\/a.b/Basic/1\u0032",` + req + `}`, []string{"fu-id"}, ".fullUrl", `"https:`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, typeLast := range []bool{false, true} {
				for _, level := range []Level{LevelLenient, LevelStrict} {
					doc := bundleOf(c.typ, typeLast, in(`1`), c.entry)
					if c.typ == "collection" {
						doc = bundleOf(c.typ, typeLast, `{"fullUrl":"urn:oid:1.3","resource":{"resourceType":"Basic"}}`, c.entry)
					}
					rep := must(ValidateBytes([]byte(doc), &Options{Level: level}))
					want := slices.Clone(c.codes)
					if level == LevelStrict {
						for i := range want {
							want[i] = "!" + want[i]
						}
					}
					require.Equal(t, want, codes(rep.Issues), doc)
					if len(want) == 0 {
						assert.NoError(t, rep.Err())
						continue
					}
					assert.Equal(t, level == LevelStrict, rep.Err() != nil)
					is := rep.Issues[0]
					assert.Equal(t, "Bundle.entry[1]"+c.path, is.Path)
					assert.Equal(t, int64(1), *is.Entry)
					start := strings.Index(doc, c.entry)
					if c.name == "request missing" || strings.HasSuffix(c.name, " missing in a batch") || c.name == "request in a collection" {
						start = strings.LastIndex(doc, c.entry)
					}
					at := c.at
					if c.name == "request in a collection" && !typeLast {
						at = `{"method"` // checked at once, the place is known
					}
					assert.Equal(t, int64(start+strings.Index(doc[start:], at)), is.Offset)
					rule, ok := ruleOf(is.Code)
					require.True(t, ok)
					assert.Equal(t, rule.Severity(level), is.Severity)
				}
			}
		})
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"n%d":1`, i)
	}
	return b.String()[1:]
}

// TestEntryWithoutResource: which entries may lack a resource in which Bundle types, and
// which need a request or must not have one.
func TestEntryWithoutResource(t *testing.T) {
	bodies := map[string]string{
		"get":             `{"request":{"method":"GET","url":"Basic"}}`,
		"post":            `{"request":{"method":"POST","url":"Basic"}}`,
		"response":        `{"response":{"status":"204"}}`,
		"delete+response": `{"request":{"method":"DELETE","url":"Basic"},"response":{"status":"204"}}`,
		"search":          `{"search":{"mode":"match"}}`,
	}
	const both = "entry-resource bdl-3"
	want := map[string]map[string]string{
		"transaction":          {"post": "entry-resource", "response": both, "search": both},
		"batch":                {"post": "entry-resource", "response": both, "search": both},
		"history":              {"response": "bdl-3", "search": both},
		"batch-response":       {"get": both, "post": both, "delete+response": "bdl-3", "search": "entry-resource"},
		"transaction-response": {"get": both, "post": both, "delete+response": "bdl-3", "search": "entry-resource"},
		"collection":           {"get": both, "post": both, "response": "entry-resource", "delete+response": both, "search": "entry-resource"},
		"searchset":            {"get": both, "post": both, "response": "entry-resource", "delete+response": both, "search": "entry-resource"},
	}
	for typ, row := range want {
		for body, entry := range bodies {
			for _, typeLast := range []bool{false, true} {
				rep := must(ValidateBytes([]byte(bundleOf(typ, typeLast, entry)), &Options{Types: []string{}, Level: LevelStrict}))
				var got []string
				for _, is := range rep.Issues {
					if is.Code == "entry-resource" || is.Code == "bdl-3" {
						got = append(got, is.Code)
					}
				}
				assert.Equal(t, row[body], strings.Join(got, " "), "%s in a %s, type last: %v", body, typ, typeLast)
			}
		}
	}
}

// TestManyIssues: a report is limited, counts what it omits, and never loses an error to
// warnings.
func TestManyIssues(t *testing.T) {
	warn := post(`{"resourceType":"Basic","x":null}`)
	bad := `{"request":{"method":"POST","url":"Basic"}}`
	for _, typeLast := range []bool{false, true} {
		entries := slices.Repeat([]string{warn}, 50)
		entries = append(entries, slices.Repeat([]string{bad}, 7)...)
		entries = append(entries, slices.Repeat([]string{warn}, 50)...)
		rep := must(ValidateBytes([]byte(bundleOf("transaction", typeLast, entries...)), &Options{MaxIssues: 10}))
		require.Len(t, rep.Issues, 10)
		assert.Equal(t, int64(107-10), rep.MoreIssues)
		var errors []int64
		for _, is := range rep.Issues {
			if is.Severity == SeverityError {
				errors = append(errors, *is.Entry)
			}
		}
		assert.Equal(t, []int64{50, 51, 52, 53, 54, 55, 56}, errors)
		assert.EqualError(t, rep.Err(), "Entry 50 missing 'resource' field")
	}

	// Judged late, or at once: as many are listed and counted.
	for _, typeLast := range []bool{false, true} {
		rep := must(ValidateBytes([]byte(bundleOf("transaction", typeLast, slices.Repeat([]string{bad}, 300)...)), &Options{MaxIssues: 10}))
		assert.Len(t, rep.Issues, 10)
		assert.Equal(t, int64(290), rep.MoreIssues)
		assert.Equal(t, int64(9), *rep.Issues[9].Entry)
	}

	// Which error is shown does not depend on what is listed.
	entries := slices.Repeat([]string{bad}, 200)
	rep := must(ValidateBytes([]byte(bundleOf("nonsense", false, entries...)), nil))
	assert.Len(t, rep.Issues, 100)
	assert.Equal(t, int64(101), rep.MoreIssues)
	assert.EqualError(t, rep.Err(), "Unsupported bundle type: a name that FHIR does not define")

	// One entry with many findings.
	rep = must(ValidateBytes([]byte(tx(post(`{"resourceType":"Basic","x":[`+strings.Repeat("{},", 500)+`1]}`))), &Options{MaxIssues: 3}))
	assert.Len(t, rep.Issues, 3)
	assert.Equal(t, int64(497), rep.MoreIssues)
}

func TestRulesTable(t *testing.T) {
	all := Rules()
	require.Len(t, all, int(ruleCount)-1)
	codes := map[string]bool{}
	for _, r := range all {
		assert.NotEmpty(t, r.Code)
		assert.False(t, codes[r.Code], r.Code)
		codes[r.Code] = true
		assert.NotEmpty(t, r.Message, r.Code)
		assert.NotEmpty(t, r.IssueType, r.Code)
		assert.True(t, strings.HasPrefix(r.Spec, "http"), r.Code)
		if r.Always {
			assert.Positive(t, r.rank, r.Code)
			assert.Equal(t, SeverityError, r.Severity(LevelLenient))
		} else {
			assert.Equal(t, SeverityWarning, r.Severity(LevelLenient))
		}
	}
	for f := scan.More; f < scan.Faults; f++ {
		assert.NotEmpty(t, f.Text(), f)
		assert.True(t, rules[ruleOfFault(f)].Always, f)
	}
	all[0].Code = "changed"
	assert.NotEqual(t, "changed", Rules()[0].Code)
}

// TestStoredReport: a report that went through JSON gives the same error.
func TestStoredReport(t *testing.T) {
	rep := must(ValidateBytes([]byte(`{"resourceType":"Bundle","type":"searchset","entry":[{}]}`), nil))
	raw, err := json.Marshal(rep)
	require.NoError(t, err)
	var back Report
	require.NoError(t, json.Unmarshal(raw, &back))
	assert.EqualError(t, back.Err(), rep.Err().Error())

	rep = must(ValidateBytes([]byte("{}\n[]\n"), &Options{Format: FormatNDJSON}))
	raw, err = json.Marshal(rep)
	require.NoError(t, err)
	back = Report{}
	require.NoError(t, json.Unmarshal(raw, &back))
	assert.Len(t, back.Issues, 3)
	assert.NoError(t, back.Err())
}
