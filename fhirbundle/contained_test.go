package fhirbundle

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// innerCases are resources with others inside, and the findings: code, path from the
// resource, and the text at the offset.
var innerCases = []struct {
	name     string
	versions string // nothing: all
	resource string
	want     []string
}{
	{"referred to", "", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"x"}],"managingOrganization":{"reference":"#x"}}`, nil},
	{"referred to by a sibling", "", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"x","partOf":{"reference":"#y"}},{"resourceType":"Organization","id":"y"}],"managingOrganization":{"reference":"#x"}}`, nil},
	{"refers to its container", "", `{"resourceType":"Patient","contained":[{"resourceType":"Provenance","target":[{"reference":"#"}]}]}`, nil},
	{"canonical", "", `{"resourceType":"Questionnaire","contained":[{"resourceType":"ValueSet","id":"x"},{"resourceType":"ValueSet","id":"y"}],"item":[{"answerValueSet":"#x"},{"answerValueSet":"#y|1.0"}]}`, nil},
	{"canonical to the container", "", `{"resourceType":"Library","contained":[{"resourceType":"Measure","library":["#"]}]}`, nil},
	{"uri", "", `{"resourceType":"Basic","contained":[{"resourceType":"Binary","id":"x"}],"extension":[{"url":"http://a.b","valueUri":"\u0023x"}]}`, nil},
	{"image of the narrative", "", `{"resourceType":"Basic","contained":[{"resourceType":"Binary","id":"x"},{"resourceType":"Binary","id":"y"}],"text":{"div":"<div># '#' <img src=\"#x\"/><img src='#y'/></div>"}}`, nil},
	{"not referred to", "", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"x"},7,{"resourceType":"Organization","id":"y"}],"a":{"reference":"#x"}}`, []string{
		`dom-3 .contained[2] {"resourceType":"Organization","id":"y"`,
	}},
	{"a name and a text are no reference", "", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"x"}],"#x":1,"a":"x","b":"# x","c":"#xx","d":"<a href=\"#xx\">#x","e":{"reference":"Organization/x"}}`, []string{
		`dom-3 .contained[0] {"resourceType":"Organization"`,
	}},
	{"no id", "", `{"resourceType":"Patient","contained":[{"resourceType":"Organization"}]}`, []string{
		`dom-3 .contained[0] {"resourceType":"Organization"`,
	}},
	{"the container is referred to elsewhere", "R4", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"x"}],"a":{"reference":"#"}}`, []string{
		`dom-3 .contained[0] {"resourceType":"Organization"`,
	}},
	{"the container is referred to elsewhere", "R4B R5", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"x"}],"a":{"reference":"#"}}`, []string{
		`ref-1  "#"`, `dom-3 .contained[0] {"resourceType":"Organization"`,
	}},
	{"a bare fragment", "R4", `{"resourceType":"Patient","a":{"reference":"#"}}`, nil},
	{"a bare fragment", "R4B R5", `{"resourceType":"Patient","a":{"reference":"#"}}`, []string{`ref-1  "#"`}},
	{"nested", "", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"x","contained":[{"resourceType":"Organization","id":"y"}],"partOf":{"reference":"#y"}}],"a":{"reference":"#x"}}`, []string{
		`dom-2 .contained[0].contained [{"resourceType":"Organization","id":"y"`, `ref-1  "#y"`,
	}},
	{"none nested", "", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"x","contained":[]}],"a":{"reference":"#x"}}`, []string{
		`fhir-json-empty-array  []`,
	}},
	{"with versions", "", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"x","meta":{"versionId":"1","lastUpdated":"2026-01-01T00:00:00Z"}},{"resourceType":"Organization","id":"y","meta":{"tag":[{"code":"a"}],"lastUpd\u0061ted":"2026-01-01T00:00:00Z"}}],"a":{"reference":"#x"},"b":{"reference":"#y"}}`, []string{
		`dom-4 .contained[0].meta.versionId "1"`, `dom-4 .contained[1].meta.lastUpdated "2026-01-01T00:00:00Z"}}]`,
	}},
	{"with a profile", "", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"x","meta":{"profile":["http://a.b/c"],"tag":[{"code":"c"}]}}],"a":{"reference":"#x"}}`, nil},
	{"with a security label", "", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"x","meta":{"security":[{"code":"R"}]}}],"a":{"reference":"#x"}}`, []string{
		`dom-5 .contained[0].meta.security [{"code":"R"`,
	}},
	{"the same id", "", `{"resourceType":"Patient","id":"x","contained":[{"resourceType":"Organization","id":"x"},{"resourceType":"Practitioner","id":"\u0078"}],"a":{"reference":"#x"}}`, []string{
		`contained-id-twice .contained[1].id "\u0078"`, `dom-3 .contained[1] {"resourceType":"Practitioner"`,
	}},
	{"types and ids", "", `{"resourceType":"Patient","contained":[{"id":"a b"},{"resourceType":"Patience","id":7}],"a":{"reference":"#a b"},"b":{"reference":"#7"}}`, []string{
		`fhir-id .contained[0].id "a b"`, `fhir-resource-type .contained[0] {"id":"a b"`, `fhir-unknown-type .contained[1] "Patience"`, `fhir-id .contained[1].id 7`,
		`ref-1  "#7"`, `dom-3 .contained[1] {"resourceType":"Patience"`,
	}},
	{"what is no DomainResource contains none", "", `{"resourceType":"Binary","contained":[{"resourceType":"Organization"}],"securityContext":{"reference":"#x"}}`, []string{`ref-1  "#x"`}},
	{"what is no DomainResource contains none", "", `{"resourceType":"Parameters","contained":[{"resourceType":"Organization"}],"parameter":[{"name":"a","valueReference":{"reference":"#x"}}]}`, []string{`ref-1  "#x"`}},

	// Parameters
	{"parameters", "", `{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"Patient","b":{"reference":"#x"},"contained":[{"resourceType":"Organization","id":"x"}]}},{"name":"a","part":[{"resource":{"resourceType":"Patient","b":{"reference":"#x"},"contained":[{"resourceType":"Organization","id":"x"}]}}]}]}`, nil},
	{"parameters with faults", "", `{"resourceType":"Parameters","parameter":[7,{"name":"a"},{"name":"b","part":[{"name":"c"},{"name":"d","part":[{"res\u006furce":{"resourceType":"Patient","id":"a b","b":{"reference":"#x"},"contained":[{"resourceType":"Organization","id":"y"}]}}]}],"resource":{"c":{"reference":"#y"}}}]}`, []string{
		`fhir-id .parameter[2].part[1].part[0].resource.id "a b"`, `ref-1 .parameter[2].part[1].part[0].resource "#x"`, `dom-3 .parameter[2].part[1].part[0].resource.contained[0] {"resourceType":"Organization"`,
		`fhir-resource-type .parameter[2].resource {"c"`, `ref-1 .parameter[2].resource "#y"`,
	}},
	{"contained parameters", "", `{"resourceType":"GuidanceResponse","outputParameters":{"reference":"#p"},"contained":[{"resourceType":"Parameters","id":"p","parameter":[{"name":"a","valueReference":{"reference":"#x"}},{"name":"b","resource":{"resourceType":"Patient","c":{"reference":"#x"}}}]},{"resourceType":"Organization","id":"x"}]}`, []string{
		`ref-1 .contained[0].parameter[1].resource "#x"}}}]`,
	}},
	{"a Bundle in parameters", "", `{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"Bundle","type":"collection","total":1,"entry":[{"fullUrl":"urn:uuid:00000000-0000-4000-8000-000000000001","resource":{"resourceType":"Patient","b":null,"link":[{"other":{"reference":"urn:uuid:00000000-0000-4000-8000-000000000001"}},{"other":{"reference":"urn:uuid:00000000-0000-4000-8000-000000000002"}}]}}]}},{"name":"b","valueString":""}]}`, []string{
		`fhir-json-null .parameter[0].resource.entry[0].resource null`, `bdl-1 .parameter[0].resource.total 1`, `ref-urn .parameter[0].resource.entry[0].resource "urn:uuid:00000000-0000-4000-8000-000000000002"`,
		`fhir-json-empty-string  ""`,
	}},
	{"a Bundle in a part", "R4 R4B", `{"resourceType":"Parameters","parameter":[{"name":"a","part":[{"name":"b","resource":{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient"}}]}}]}]}`, []string{
		`bdl-3 .parameter[0].part[0].resource.entry[0].request {"resource":{"resourceType":"Patient"`,
	}},
	{"a contained Bundle", "R4 R4B", `{"resourceType":"Basic","subject":{"reference":"#x"},"contained":[{"resourceType":"Bundle","id":"x","type":"collection","entry":[{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"y"}],"managingOrganization":{"reference":"#y"}},"request":{"method":"GET","url":"a"}}]}]}`, []string{
		`bdl-3 .contained[0].entry[0].request {"method"`,
	}},
	{"a Bundle in contained parameters", "R4", `{"resourceType":"Basic","contained":[{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Patient","a":{"reference":"#"}},"search":{"mode":"match"}}]}}]}]}`, []string{
		`bdl-2 .contained[0].parameter[0].resource.entry[0].search {"mode"`, `dom-3 .contained[0] {"resourceType":"Parameters"`,
	}},
}

// TestResourcesInside: what is found in resources inside resources at level Strict,
// and where, in a Bundle's entry and in a line.
func TestResourcesInside(t *testing.T) {
	for _, c := range innerCases {
		versions := c.versions
		if versions == "" {
			versions = "R4 R4B R5"
		}
		for version := range strings.FieldsSeq(versions) {
			t.Run(c.name+"/"+version, func(t *testing.T) {
				for _, format := range []Format{FormatBundle, FormatNDJSON} {
					doc, path := " "+c.resource+"\n", "Resource"
					if format == FormatBundle {
						doc, path = "{\"resourceType\":\"Bundle\",\"type\":\"batch-response\",\n\"entry\":[{\"response\":{\"status\":\"200\"},\n\"resource\":"+c.resource+"}]}", "Bundle.entry[0].resource"
					}
					o := &Options{Format: format, Level: LevelStrict, Types: []string{}, Version: Version(version)}
					got := eachStep(t, doc, o)
					require.Len(t, got.Report.Issues, len(c.want), "%+v", got.Report.Issues)
					for i, is := range got.Report.Issues {
						code, rest, _ := strings.Cut(c.want[i], " ")
						suffix, text, _ := strings.Cut(rest, " ")
						assert.Equal(t, code, is.Code)
						if !strings.HasPrefix(code, "fhir-json-empty") { // which the scanner finds: it knows no members
							assert.Equal(t, path+suffix, is.Path, is.Code)
						}
						assert.Equal(t, strings.Count(doc[:is.Offset], "\n")+1, int(is.Line), is.Code)
						assert.True(t, strings.HasPrefix(doc[is.Offset:], text), "%s at %.60s", is.Code, doc[is.Offset:])
						assert.Equal(t, int64(0), *is.Entry)
					}
					o.Level = LevelLenient
					rep := must(ValidateBytes([]byte(doc), o))
					assert.NoError(t, rep.Err())
					o.Level = LevelBasic
					rep = must(ValidateBytes([]byte(doc), o))
					assert.Empty(t, rep.Issues)
				}
			})
		}
	}
}

// TestContainedOrder: the order of references and ids makes no difference.
func TestContainedOrder(t *testing.T) {
	var many, ids []string
	for i := range 100 {
		many = append(many, fmt.Sprintf(`{"id":"c%d","resourceType":"Basic"}`, i))
		ids = append(ids, fmt.Sprintf(`{"reference":"#c%d"}`, i))
	}
	before := `{"resourceType":"Basic","x":[` + strings.Join(ids, ",") + `],"contained":[` + strings.Join(many, ",") + `]}`
	after := `{"contained":[` + strings.Join(many, ",") + `],"x":[` + strings.Join(ids, ",") + `],"resourceType":"Basic"}`
	for _, doc := range []string{before, after} {
		assert.Empty(t, must(ValidateBytes([]byte(doc), &Options{Format: FormatNDJSON})).Issues)
		gone := strings.Replace(doc, `"#c57"`, `"#c07"`, 1)
		rep := must(ValidateBytes([]byte(gone), &Options{Format: FormatNDJSON}))
		require.Equal(t, []string{"ref-1", "dom-3"}, codes(rep.Issues))
		assert.Equal(t, "Resource.contained[57]", rep.Issues[1].Path)
		twice := strings.Replace(doc, `"id":"c57"`, `"id":"c56"`, 1)
		rep = must(ValidateBytes([]byte(twice), &Options{Format: FormatNDJSON}))
		assert.Equal(t, []string{"contained-id-twice", "ref-1", "dom-3"}, codes(rep.Issues))
	}
}

// TestNothingLeftInside: the contained resources of one resource do not affect the next
// one, nor the next payload.
func TestNothingLeftInside(t *testing.T) {
	with := `{"resourceType":"Basic","contained":[{"resourceType":"Basic","id":"x"}],"a":{"reference":"#x"}}`
	without := `{"resourceType":"Basic","a":{"reference":"#x"}}`
	r := must(NewBytesReader([]byte(with+"\n"+without), &Options{Format: FormatNDJSON}))
	for range 2 {
		for _, want := range []int{0, 1} {
			e, err := r.Next()
			require.NoError(t, err)
			assert.Len(t, e.Issues, want)
		}
		r.ResetBytes([]byte(with + "\n" + without))
	}
}

// TestDeepInside: resources nested too deeply are reported as not checked, once each,
// and nothing is found in them.
func TestDeepInside(t *testing.T) {
	bad := `{"resourceType":"Patient","a":{"reference":"#x"}}`
	bundle := func(resource string) string {
		return `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:oid:1.2","resource":` + resource + `}]}`
	}
	parameters := func(resource string) string {
		return `{"resourceType":"Parameters","parameter":[{"name":"a","resource":` + resource + `}]}`
	}
	for _, c := range []struct {
		doc  string
		want string
	}{
		{bundle(parameters(parameters(parameters(bad)))), "ref-1"},
		{bundle(parameters(parameters(parameters(parameters(bad))))), "not-checked"},
		{bundle(parameters(bundle(parameters(bad)))), "ref-1"},
		{bundle(parameters(bundle(parameters(parameters(bad))))), "not-checked"},
		{bundle(parameters(parameters(parameters(bundle(bad))))), "not-checked"},
		{bundle(bundle(parameters(bundle(bad)))), "ref-1"},
		{bundle(bundle(bundle(bundle(bundle(bad))))), "not-checked"},
	} {
		rep := must(ValidateBytes([]byte(c.doc), nil))
		assert.Equal(t, []string{c.want}, codes(rep.Issues), c.doc)
	}
}

// TestPartsDeep: parts may nest as deep as JSON may.
func TestPartsDeep(t *testing.T) {
	const levels = 40_000
	doc := []byte(`{"resourceType":"Parameters","parameter":[` + strings.Repeat(`{"part":[`, levels) + `{"resource":{"resourceType":"Basic","id":"a b"}}` + strings.Repeat(`]}`, levels) + `]}`)
	rep := must(ValidateBytes(doc, &Options{Format: FormatNDJSON, MaxDepth: 100_000}))
	require.Len(t, rep.Issues, 1)
	assert.Equal(t, "fhir-id", rep.Issues[0].Code)
	assert.Equal(t, levels, strings.Count(rep.Issues[0].Path, ".part[0]"))
	assert.Equal(t, bytes.Index(doc, []byte(`"a b"`)), int(rep.Issues[0].Offset))
}

// TestInsideAllocatesNothing: checking resources inside a resource without findings
// allocates nothing.
func TestInsideAllocatesNothing(t *testing.T) {
	one := `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"x","meta":{"tag":[{"code":"a"}]}},{"resourceType":"Provenance","target":[{"reference":"#"}]},{"resourceType":"Binary","id":"y"}],"managingOrganization":{"reference":"#x"},"photo":[{"url":"#y"}]}`
	two := `{"resourceType":"Parameters","parameter":[{"name":"a","part":[{"name":"b","resource":` + one + `}]},{"name":"c","resource":{"resourceType":"Bundle","type":"searchset","link":[{"relation":"self","url":"a"}],"entry":[{"fullUrl":"http://a.b/Patient/1","resource":{"resourceType":"Patient","id":"1"}}]}}]}`
	const n = 1000
	lines := bytes.Repeat([]byte(one+"\n"+two+"\n"), n)
	r := must(NewBytesReader(lines, &Options{Format: FormatNDJSON, Level: LevelStrict}))
	for range 2 { // the first ones make what the others use
		_, err := r.Next()
		require.NoError(t, err)
	}
	assert.Zero(t, testing.AllocsPerRun(n, func() {
		if e, err := r.Next(); err != nil || len(e.Issues) > 0 {
			t.Error(err, e)
		}
	}))
}
