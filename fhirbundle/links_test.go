package fhirbundle

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLinks: what a reference in an entry with a fullUrl is replaced by.
func TestLinks(t *testing.T) {
	var l Links
	_, ok := l.Resolve("", []byte(uuid1))
	assert.False(t, ok)
	l.Add(uuid1, Target{Reference: "Patient/1"})
	l.Add("http://a.b/fhir/Patient/p", Target{Reference: "Patient/2", VersionID: "9"})
	l.Add("https://a.b:8080/Patient/p", Target{Reference: "Patient/3"})
	l.Add("", Target{Reference: "Patient/4"})
	l.Add("http://a.b/fhir/Group/g", Target{Reference: "Group/old"})
	l.Add("http://a.b/fhir/Group/g", Target{Reference: "Group/5"})
	const http = "http://a.b/fhir/Observation/o"
	for _, c := range []struct{ from, ref, want string }{
		{"", uuid1, "Patient/1"},
		{uuid2, uuid1, "Patient/1"},
		{uuid2, uuid2, ""},
		{http, uuid1, "Patient/1"},
		{http, uuid1 + "#c", "Patient/1#c"},
		{http, uuid1[:len(uuid1)-1] + "A", ""}, // URIs are compared by case
		{http, "Patient/p", "Patient/2"},
		{http, "Patient/p#c", "Patient/2#c"},
		{http, "Patient/p/_history/1", "Patient/2/_history/9"},
		{http, "http://a.b/fhir/Patient/p/_history/1", "Patient/2/_history/9"},
		{"", "http://a.b/fhir/Patient/p", "Patient/2"},
		{"", "HTTPS://A.b/fhir/Patient/p", "Patient/2"},
		{"", "http://a.b/FHIR/Patient/p", ""},
		{"https://A.b/fhir/Observation/o", "Patient/p", "Patient/2"},
		{"HTTPS://A.b/fhir/Observation/o", "Patient/p", "Patient/2"},
		{http, "http://a.b/fhir/Patient/p?x=y", ""},
		{"https://a.b:8080/Device/d", "Patient/p", "Patient/3"},
		{"https://a.b:8080/Device/d", "Patient/p/_history/1", ""}, // it couldn't stay one to a version
		{http, "Group/g", "Group/5"},
		{http, "Patient/q", ""},
		{http, "patient/p", ""},
		{http, "/Patient/p", ""},
		{http, "Patient/p/x", ""},
		{http, "Patient?identifier=1", ""},
		{http, "#", ""},
		{http, "#p", ""},
		{http, "", ""},
		{"http://c.d/fhir/Observation/o", "Patient/p", ""}, // another server
		{"http://a.b/fhir/Observation/o_1", "Patient/p", ""},
		{"http://a.b/fhir/Observations/o", "Patient/p", ""},
		{"ftp://a.b/fhir/Observation/o", "Patient/p", ""},
		{uuid2, "Patient/p", ""},
		{"", "Patient/p", ""},
	} {
		got, ok := l.Resolve(c.from, []byte(c.ref))
		assert.Equal(t, c.want, got, "%s in %s", c.ref, c.from)
		assert.Equal(t, c.want != "", ok)
	}
	patient := []byte("Patient/p")
	assert.Zero(t, testing.AllocsPerRun(100, func() { l.Resolve(http, patient) }))
}

// marked replaces every reference, and lists them.
func marked(asked *[]string) func([]byte) (string, bool) {
	return func(ref []byte) (string, bool) {
		*asked = append(*asked, string(ref))
		return `<"\` + string(ref) + "'&>", true
	}
}

// TestAppendResolved: which strings are references. In these resources they are exactly
// those that begin with "r".
func TestAppendResolved(t *testing.T) {
	const bundle = `{"resourceType":"Bundle","entry":[{"fullUrl":"x1","resource":{"a":{"reference":"x2"},"contained":[{"a":{"reference":"x3"}}]}}],"link":[{"url":"x4"}]}`
	late := `{"link":[{"url":"x4"}],"signature":{"who":{"reference":"x2"}},"entry":[{"resource":{"a":{"reference":"x3"},"resourceType":"Bundle"}}],"resourceType":"Bundle"}`
	for _, resource := range []string{
		`{}`,
		` { "subject" : { "reference" : "r1" , "display":"x" } } `,
		`{"a":[{"b":{"reference":"r1"}},{"b":{"reference":"r2"}}],"reference":"r3"}`,
		`{"reference":"#x","a":{"reference":"#"},"b":{"reference":""},"c":{"reference":{"reference":"r1"}},"d":{"reference":null}}`,
		`{"r\u0065ference":"r\u0031\/\ud83d\ude00","x":"reference","y":["reference","x"]}`,
		`{"contained":[{"id":"x","url":"x","a":{"reference":"r1"}}]}`,
		`{"id":"x","url":"x","system":"x","extension":[{"url":"x","valueUri":"r1"},{"url":"x","valueAttachment":{"url":"r2"}}],"modifierExtension":[{"url":"x"}]}`,
		`{"content":[{"attachment":{"url":"r1","contentType":"x"}}],"instantiatesUri":["r2","r3"],"instantiatesCanonical":["x"],"valueCanonical":"x","questionnaire":"x"}`,
		`{"valueUrl":"r1","valueOid":"r2","valueUuid":"r3","valueString":"x","Uri":"x","uri":"x","url":["x"]}`,
		`{"group":[{"unmapped":{"url":"x"}}],"structure":[{"url":"x"}],"test":[{"operation":{"url":"x"}}]}`,
		`{"resourceType":"Parameters","parameter":[{"valueReference":{"reference":"r1"},"resource":{"url":"x","photo":[{"url":"r2"}]}}]}`,
		bundle, late,
		`{"resourceType":"Parameters","parameter":[{"valueReference":{"reference":"r1"},"resource":` + bundle + `,"part":[{"resource":` + late + `,"valueUri":"r2"}]}],"a":{"reference":"r3"}}`,
		`{"contained":[` + bundle + `,` + late + `,{"a":{"reference":"r1"}}],"b":{"reference":"r2"}}`,
		`{"text":{"status":"generated","div":"<div>href='x' <a href=\"r1\">x</a><a class='x' href='r2' id=\"x\">src=\"x\"</a> <img alt='x' src = \"r3\"/><b href='x'/><a src='x' name=x><a href='#x'><!-- <a href='x'> --><a href='x></div>"}}`,
		`{"div":"\u003ca href=\u0022r1\u0026amp;\/\u0022\u003e é <a\thref=\n'r2'>"}`,
		`{"div":"<a href","x":{"div":"<a href='"},"y":{"div":"<!--href"},"z":{"div":"href"},"w":{"div":7}}`,
	} {
		var asked []string
		got := AppendResolved([]byte("before"), []byte(resource), marked(&asked))
		got, ok := bytes.CutPrefix(got, []byte("before"))
		require.True(t, ok)
		assert.True(t, json.Valid(got), "%s", got)
		want := strings.Count(resource, `"r`) + strings.Count(resource, `'r`) + strings.Count(resource, `u0022r`) - strings.Count(resource, `"reference"`) - strings.Count(resource, `"r\u0065ference"`) - strings.Count(resource, `"resource`)
		if strings.Contains(resource, late) {
			assert.Contains(t, string(got), late)
			asked = slices.DeleteFunc(asked, func(ref string) bool { return ref[0] == 'x' })
		}
		assert.Len(t, asked, want, resource)
		for _, a := range asked {
			assert.True(t, strings.HasPrefix(a, "r"), "%s in %s", a, resource)
		}
		checkResolved(t, resource, string(got))

		asked = nil
		none := func([]byte) (string, bool) { return "x", false }
		assert.Equal(t, resource, string(AppendResolved(nil, []byte(resource), none)))
	}
}

// checkResolved checks that two JSON texts differ in strings only, in those that
// marked has replaced, or that are a narrative.
func checkResolved(t testing.TB, before, after string) {
	t.Helper()
	for len(before) > 0 && len(after) > 0 {
		n := strings.IndexByte(before, '"')
		if n < 0 || len(after) <= n || before[:n] != after[:n] || after[n] != '"' {
			break
		}
		a, b := stringEnd(before, n), stringEnd(after, n)
		was, is := before[n:a], after[n:b]
		if was != is && !strings.Contains(was, "href") && !strings.Contains(was, "src") {
			var x, y string
			require.NoError(t, json.Unmarshal([]byte(was), &x))
			require.NoError(t, json.Unmarshal([]byte(is), &y))
			require.Equal(t, `<"\`+x+"'&>", y)
		}
		before, after = before[a:], after[b:]
	}
	require.Equal(t, before, after)
}

// stringEnd is the index after the string that starts at text[i].
func stringEnd(text string, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// TestResolvedNarrative: replaced links in a narrative are valid XHTML in JSON, and
// nothing else changes.
func TestResolvedNarrative(t *testing.T) {
	const doc = `{"text":{"div":"<div xmlns=\"http:\/\/www.w3.org\/1999\/xhtml\">\n<a href=\"urn:1\">é &amp; \u00e9</a><img src='urn:2&amp;x'/></div>"}}`
	got := AppendResolved(nil, []byte(doc), func(ref []byte) (string, bool) {
		switch string(ref) {
		case "urn:1":
			return `A/1?a="b"&c='d'`, true
		case "urn:2&x":
			return "B/2", true
		}
		t.Errorf("asked for %s", ref)
		return "", false
	})
	assert.Equal(t, `{"text":{"div":"<div xmlns=\"http:\/\/www.w3.org\/1999\/xhtml\">\n<a href=\"A/1?a=&quot;b&quot;&amp;c=&#39;d&#39;\">é &amp; \u00e9</a><img src='B/2'/></div>"}}`, string(got))
}

// TestAppendResolvedCorpus: only references change in resources of the corpus.
func TestAppendResolvedCorpus(t *testing.T) {
	n := 0
	for _, f := range corpus(t) {
		if f.level == "json-raw" {
			continue
		}
		r := must(NewBytesReader(f.data, f.options()))
		for {
			e, err := r.Next()
			if err != nil {
				break
			}
			if e.Resource == nil || bytes.Contains(e.Resource, []byte(`\u0000`)) {
				continue
			}
			var asked []string
			got := AppendResolved(nil, e.Resource, marked(&asked))
			require.True(t, json.Valid(got), f.name)
			checkResolved(t, string(e.Resource), string(got))
			n += len(asked)
			if e.Type == "Bundle" {
				assert.Empty(t, asked)
			}
		}
	}
	assert.Greater(t, n, 1000)
	t.Logf("%d references", n)
}

// TestResolvedIsLinear: resources made to cost more than they should.
func TestResolvedIsLinear(t *testing.T) {
	const n = 200_000
	deep := strings.Repeat(`{"resource":`, n) + `1` + strings.Repeat(`,"resourceType":"Bundle"}`, n)
	for name, doc := range map[string]string{
		"Bundles in Bundles": deep,
		"tags":               `{"div":"href` + strings.Repeat(`<a href=\"`, n) + `"}`,
		"quotes":             `{"div":"href` + strings.Repeat(`<a href='x' `, n) + `"}`,
		"comments":           `{"div":"href` + strings.Repeat(`<!-- `, n) + `"}`,
		"ends of comments":   `{"div":"href` + strings.Repeat(`<!---->`, n) + `"}`,
		"narratives":         `[` + strings.Repeat(`{"div":"<a href='x'>"},`, n) + `1]`,
	} {
		start := time.Now()
		got := allocated(func() {
			AppendResolved(nil, []byte(doc), func([]byte) (string, bool) { return "", false })
		})
		t.Logf("%s: %v, %.1f bytes allocated for each", name, time.Since(start), float64(got)/float64(len(doc)))
		assert.Less(t, got, uint64(1<<20+40*len(doc)), name)
	}
}

func TestAppendResolvedAllocates(t *testing.T) {
	resource := []byte(`{"resourceType":"Observation","subject":{"reference":"` + uuid1 + `"},"text":{"div":"<div>x</div>"},"performer":[{"reference":"Practitioner/1"}]}`)
	var l Links
	l.Add(uuid1, Target{Reference: "Patient/1"})
	dst := make([]byte, 0, 1000)
	resolve := func(ref []byte) (string, bool) { return l.Resolve(uuid2, ref) }
	assert.Zero(t, testing.AllocsPerRun(100, func() { dst = AppendResolved(dst[:0], resource, resolve) }))
	assert.Equal(t, strings.Replace(string(resource), uuid1, "Patient/1", 1), string(dst))
}

// FuzzAppendResolved: in valid JSON only references change, nothing changes if none is
// resolved, and nothing panics.
func FuzzAppendResolved(f *testing.F) {
	for _, data := range fuzzSeeds() {
		f.Add(data)
	}
	for _, c := range innerCases {
		f.Add([]byte(c.resource))
	}
	f.Add([]byte(`{"div":"\u003ca href=\u0022r1\u0026amp;\/\u0022\u003e é <a\thref=\n'r2'><img src='a'>","url":"\\","a":{"reference":"\"\u0000"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		same := AppendResolved(nil, data, func([]byte) (string, bool) { return "", false })
		require.Equal(t, string(data), string(same))
		var asked []string
		got := AppendResolved(nil, data, marked(&asked))
		if CheckJSON(data, nil) != nil || bytes.HasPrefix(data, bom) {
			return
		}
		require.NoError(t, CheckJSON(got, &Options{MaxStringBytes: maxInt31, MaxEntryBytes: maxInt31}), "%q", got)
		checkResolved(t, string(data), string(got))
	})
}
