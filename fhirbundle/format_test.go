package fhirbundle

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// TestNullsAtTheEdge: a null is found in an array that is not a member of a scanned
// object, and does not affect the object around it.
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

// node is a JSON value, as jsontext reads it.
type node struct {
	kind    byte // of its first token
	at      int
	text    string
	members []child
}

type child struct {
	name string // "" in an array
	end  int    // after the closing quote of the name
	node
}

func readNode(t testing.TB, dec *jsontext.Decoder, data []byte) node {
	before := int(dec.InputOffset())
	tok, err := dec.ReadToken()
	require.NoError(t, err)
	n := node{kind: byte(tok.Kind()), at: before + len(data[before:]) - len(bytes.TrimLeft(data[before:], " \t\r\n,:"))}
	switch n.kind {
	case '"':
		n.text = tok.String()
	case '{', '[':
		for dec.PeekKind() != ']' && dec.PeekKind() != '}' {
			var m child
			if n.kind == '{' {
				tok, err := dec.ReadToken()
				require.NoError(t, err)
				m.name, m.end = tok.String(), int(dec.InputOffset())
			}
			m.node = readNode(t, dec, data)
			n.members = append(n.members, m)
		}
		_, err := dec.ReadToken()
		require.NoError(t, err)
	}
	return n
}

func (n node) member(name string) (child, bool) {
	for _, m := range n.members {
		if m.name == name {
			return m, true
		}
	}
	return child{}, false
}

// nulls returns the positions of the nulls in an array.
func (n node) nulls() (at []int) {
	for _, m := range n.members {
		if n.kind == '[' && m.kind == 'n' {
			at = append(at, m.at)
		}
	}
	return at
}

// formatFinding is a finding about FHIR's JSON format.
type formatFinding struct {
	code string
	at   int
}

// findings returns the violations of FHIR's JSON format (json.html) in a value: null,
// empty values, and x and _x that do not match.
func (n node) findings() (all []formatFinding) {
	add := func(code string, at int) { all = append(all, formatFinding{code, at}) }
	if n.kind == '"' && n.text == "" {
		add("fhir-json-empty-string", n.at)
	}
	if (n.kind == '{' || n.kind == '[') && len(n.members) == 0 {
		add(map[byte]string{'{': "fhir-json-empty-object", '[': "fhir-json-empty-array"}[n.kind], n.at)
	}
	for _, m := range n.members {
		all = append(all, m.findings()...)
		if n.kind == '[' {
			if m.kind == '[' {
				for _, at := range m.nulls() {
					add("fhir-json-null", at)
				}
			}
			continue
		}
		if m.name == "fhir_comments" {
			add("fhir-json-comments", m.end-len(`"fhir_comments"`))
		}
		x, isCompanion := strings.CutPrefix(m.name, "_")
		if !isCompanion {
			x = "_" + x
		}
		other, paired := n.member(x)
		if m.kind == 'n' {
			add("fhir-json-null", m.at)
		} else if nulls := m.nulls(); len(nulls) > 0 && !paired {
			add("fhir-json-null", nulls[0])
		}
		if isCompanion {
			all = append(all, m.match(x, other, paired)...)
		}
	}
	return all
}

// match returns what is wrong with a companion, _x, next to x.
func (m child) match(name string, x child, there bool) (all []formatFinding) {
	at := m.end - len(name) - len(`"_"`)
	isList := m.kind == '['
	if !there {
		if isList && len(m.members) > 0 && len(m.nulls()) == 0 {
			return []formatFinding{{"fhir-json-no-values", at}}
		}
		return nil
	}
	nested := slices.ContainsFunc(x.members, func(e child) bool { return e.kind == '{' || e.kind == '[' })
	switch {
	case isList != (x.kind == '['), isList && (nested || len(x.members) != len(m.members)):
		return []formatFinding{{"fhir-json-array-length", at}}
	case isList:
		for i := range m.members {
			if m.members[i].kind == 'n' && x.members[i].kind == 'n' {
				all = append(all, formatFinding{"fhir-json-both-null", m.members[i].at})
			}
		}
	}
	return all
}

// constructs are members of a resource of every kind that the scanner keeps state for. A
// %d is replaced to make names unique.
var constructs = []string{
	`"a%d":"x"`, `"a%d":"\u00e9\n"`, `"a%d":""`, `"a%d":null`, `"a%d":-0.10e+5`, `"a%d":true`, `"\u0061%d":1`, `"é%d":"é"`,
	`"a%d":[]`, `"a%d":{}`, `"a%d":[1,2,3]`, `"a%d":["x","y"]`, `"a%d":[[1,2],[3]]`, `"a%d":[{"b":["x"]},{"c":[1,2]}]`, `"a%d":{"b":{"c":["x","y","z"]}}`,
	`"a%d":["x","y"],"_a%d":[null,{"id":"1"}]`, `"_a%d":[null,{"id":"1"}],"a%d":["x","y"]`, `"_a%d":[{"id":"1"}]`, `"_a%d":{"id":"1"}`, `"_a%d":{"id":"1"},"a%d":"x"`,
	`"a%d":["x",null],"_a%d":[{"id":"1"}]`, `"a%d":["x"],"_a%d":[{"id":"1"},{"id":"2"}]`, `"_a%d":[{"id":"1"},{"id":"2"}],"a%d":["x"]`, `"a%d":"x","_a%d":[{"id":"1"}]`, `"a%d":[null,null],"_a%d":[null,{"id":"1"}]`,
	`"\u005fa%d":[{"id":"1"}],"a%d":["x"]`, `"\u005fa%d":[{"id":"1"}],"\u0061%d":["x","y"]`, `"_a%d":[{"extension":[{"_b":[{"id":"1"}],"b":["x","y"]},{"url":"u"}]},{"id":"1"}],"a%d":["x","y"]`,
	`"a%d":{"_b":[{"id":"1"},null],"b":["x","y"]}`, `"a%d":{"_b":[null,null],"c":[1,2]}`, `"a%d":{"reference":"urn:uuid:9"}`, `"a%d":{"reference":"#x"}`, `"a%d":{"reference":"Patient?x"}`, `"a%d":{"fhir_comments":["c"]}`,
	"\"a%d\" :\n  [ 1 ,\n    2 ]", "\"_a%d\" : [\n {\"id\":\"1\"} ] ,\n \"a%d\":\t[\"x\"]", `"contained":[{"resourceType":"Patient","id":"x"}]`, `"meta":{"versionId":"1"}`, `"id":"p"`, `"id":"a b"`,
}

// orders yields a Bundle for each pair of constructs, with each before, after and inside
// the other, and in objects that have a table of names.
func orders() func(yield func([]byte) bool) {
	named := func(c string, n int) string { return strings.ReplaceAll(c, "%d", strconv.Itoa(n)) }
	many := many(40)
	far := `{` + req("DELETE", "Patient/2", strings.Repeat(" ", 300)) + `}` // from the end of the data
	return func(yield func([]byte) bool) {
		for i, x := range constructs {
			for k, y := range constructs {
				a, b, c := named(x, 1), named(y, 2), named(x, 3)
				for _, members := range []string{
					a + `,` + b, a + `,` + b + `,` + c, `"in":{` + a + `,` + b + `},` + c, `"in":[{` + a + `},{` + b + `}],` + c, b + `,"in":[[{` + a + `}]],` + c,
					`"_in":[{` + a + `},{` + b + `}],"in":["x","y"]`, many + `,` + a + `,` + b,
				} {
					resource := `{"resourceType":"Patient",` + members + `}`
					if (i+k)%2 == 1 {
						resource = `{` + members + `,"resourceType":"Patient"}`
					}
					if !yield([]byte(bundleWith("transaction", "", i%2 == 0, `{"fullUrl":"urn:uuid:9","resource":`+resource+`,`+req("PUT", "Patient/p", "")+`}`, far))) {
						return
					}
				}
			}
		}
	}
}

// TestFindingsOracle: for all orders of two constructs, and mutations of them, the
// scanner finds what a walk through the whole tree finds.
func TestFindingsOracle(t *testing.T) {
	dec := jsontext.NewDecoder(bytes.NewReader(nil))
	var docs [][]byte
	compared := 0
	compare := func(doc []byte) {
		if !oracle(dec, doc) || bytes.Count(doc, []byte("Bundle")) != 1 || bytes.Contains(doc, []byte(`\u0000`)) {
			return
		}
		dec.Reset(bytes.NewBuffer(doc))
		var want, got []formatFinding
		entries, _ := readNode(t, dec, doc).member("entry")
		if entries.kind != '[' {
			return
		}
		for _, e := range entries.members {
			if e.kind == '{' {
				want = append(want, e.findings()...)
			}
		}
		for _, step := range []int{1 + len(doc)/3, scan.Block} {
			r := stepped(bytes.NewReader(doc), &Options{MaxIssues: 10_000}, step)
			for _, is := range look(r).Report.Issues {
				if is.Entry != nil && slices.Contains(formatCodes, is.Code) {
					got = append(got, formatFinding{is.Code, int(is.Offset)})
				}
			}
			sorted(want)
			sorted(got)
			if !slices.Equal(want, got) {
				t.Fatalf("%q\nwant %v\ngot  %v", doc, want, got)
			}
			got = nil
		}
		compared++
	}
	for doc := range orders() {
		compare(doc)
		docs = append(docs, doc)
	}
	n := 20_000
	if testing.Short() {
		n = 2000
	}
	r := rand.New(rand.NewPCG(7, 11))
	for range n {
		compare(mutate(r, docs))
	}
	require.Greater(t, compared, len(docs)+n/100)
}

var formatCodes = []string{"fhir-json-null", "fhir-json-empty-array", "fhir-json-empty-object", "fhir-json-empty-string", "fhir-json-array-length", "fhir-json-no-values", "fhir-json-both-null", "fhir-json-comments"}

func sorted(all []formatFinding) {
	slices.SortFunc(all, func(a, b formatFinding) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.code, b.code))
	})
}
