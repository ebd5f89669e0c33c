package fhirbundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// eachStep reads a payload in memory and in blocks of several sizes, and returns the
// result, which must be the same.
func eachStep(t *testing.T, doc string, o *Options) seen {
	t.Helper()
	want := look(must(NewBytesReader([]byte(doc), o)))
	for _, step := range []int{1, 2, 3, 7, 16, scan.Block} {
		require.Equal(t, want, look(stepped(strings.NewReader(doc), o, step)), "a window of %d", step)
		require.Equal(t, want, look(stepped(iotest.HalfReader(strings.NewReader(doc)), o, step)), "a window of %d", step)
	}
	return want
}

func TestLines(t *testing.T) {
	a, b := `{"resourceType":"Basic","id":"1"}`, `{"id":"2","resourceType":"Flag"}`
	for _, c := range []struct {
		name, doc string
		entries   []string // the resources; "!code" for a rejected line
		lines     []int64
		blank     int64
		types     map[string]int64
		err       string
	}{
		{"line feeds", a + "\n" + b + "\n", []string{a, b}, []int64{1, 2}, 0, map[string]int64{"Basic": 1, "Flag": 1}, ""},
		{"no end", a + "\n" + b, []string{a, b}, []int64{1, 2}, 0, map[string]int64{"Basic": 1, "Flag": 1}, ""},
		{"carriage returns", a + "\r\n" + b + "\r\n", []string{a, b}, []int64{1, 2}, 0, map[string]int64{"Basic": 1, "Flag": 1}, ""},
		{"carriage return alone is white space", a + "\r" + "\n\r" + b, []string{a, b}, []int64{1, 2}, 0, map[string]int64{"Basic": 1, "Flag": 1}, ""},
		{"carriage return between resources", a + "\r" + b + "\n", []string{"!json-syntax"}, []int64{1}, 0, map[string]int64{}, ""},
		{"blank lines", "\n \r\n" + a + "\n\t\n\n" + b + "\n\n  ", []string{a, b}, []int64{3, 6}, 6, map[string]int64{"Basic": 1, "Flag": 1}, ""},
		{"space around", "  " + a + " \t\r\n" + b, []string{a, b}, []int64{1, 2}, 0, map[string]int64{"Basic": 1, "Flag": 1}, ""},
		{"mark", "\xef\xbb\xbf" + a + "\n", []string{a}, []int64{1}, 0, map[string]int64{"Basic": 1}, ""},
		{"mark on the second line", a + "\n\xef\xbb\xbf" + b, []string{a, b}, []int64{1, 2}, 0, map[string]int64{"Basic": 1, "Flag": 1}, ""},
		{"bad lines", "{\n" + a + "\n[]\n7\n\"x\"\nnull\n" + a + b + "\n" + b, []string{"!json-syntax", a, "!ndjson-object", "!ndjson-object", "!ndjson-object", "!ndjson-object", "!json-syntax", b}, []int64{1, 2, 3, 4, 5, 6, 7, 8}, 0, map[string]int64{"Basic": 1, "Flag": 1}, ""},
		{"line feed in a string", `{"resourceType":"Basic","x":"` + "\n" + `"}` + "\n" + a, []string{"!json-syntax", "!json-syntax", a}, []int64{1, 2, 3}, 0, map[string]int64{"Basic": 1}, ""},
		{"no resourceType", `{"id":"a"}` + "\n" + a, []string{"!fhir-resource-type", a}, []int64{1, 2}, 0, map[string]int64{"Basic": 1}, ""},
		{"name twice", `{"resourceType":"Basic","a":1,"a":1}` + "\n" + a, []string{"!json-dup", a}, []int64{1, 2}, 0, map[string]int64{"Basic": 1}, ""},
		{"too deep", strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70) + "\n" + a, []string{"!json-depth", a}, []int64{1, 2}, 0, map[string]int64{"Basic": 1}, ""},
		{"too long", `{"x":"` + strings.Repeat("y", 500) + `"}` + "\r\n" + a, []string{"!json-entry-length", a}, []int64{1, 2}, 0, map[string]int64{"Basic": 1}, ""},
		{"too long, at the end", a + "\n" + `{"x":"` + strings.Repeat("y", 500) + `"}`, []string{a, "!json-entry-length"}, []int64{1, 2}, 0, map[string]int64{"Basic": 1}, ""},
		{"blank but long", strings.Repeat(" ", 500) + "\n" + a + "\n" + strings.Repeat(" ", 500), []string{a}, []int64{2}, 2, map[string]int64{"Basic": 1}, ""},
		{"a Bundle is a resource", tx(post(patient)), []string{tx(post(patient))}, []int64{1}, 0, map[string]int64{"Bundle": 1}, ""},
		{"contained types do not count", `{"contained":[{"resourceType":"X","id":"x"}],"resourceType":"Basic"}`, []string{`{"contained":[{"resourceType":"X","id":"x"}],"resourceType":"Basic"}`}, []int64{1}, 0, map[string]int64{"Basic": 1}, ""},
		{"nothing", "", nil, nil, 0, map[string]int64{}, "Request body is empty"},
		{"nothing but blank lines", "\n \n\t", nil, nil, 3, map[string]int64{}, "Request body is empty"},
		{"only bad lines", "x\ny\n", []string{"!json-syntax", "!json-syntax"}, []int64{1, 2}, 0, map[string]int64{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &Options{Format: FormatNDJSON, MaxEntryBytes: 450}
			got := eachStep(t, c.doc, o)
			assert.Equal(t, "EOF", got.Err)
			var rejected, good int64
			require.Len(t, got.Entries, len(c.entries))
			for i, e := range got.Entries {
				assert.Equal(t, int64(i), e.Index)
				assert.Equal(t, c.lines[i], e.Line())
				for _, is := range e.Issues {
					assert.Equal(t, e.Line(), is.Line)
					assert.Equal(t, e.Index, *is.Entry)
				}
				if want, bad := strings.CutPrefix(c.entries[i], "!"); bad {
					rejected++
					assert.True(t, e.Rejected())
					assert.Equal(t, want, e.Issues[0].Code)
					if want != "fhir-resource-type" {
						assert.Nil(t, e.Resource)
					}
					continue
				}
				good++
				assert.False(t, e.Rejected())
				assert.Equal(t, c.entries[i], string(e.Resource))
				assert.Equal(t, string(e.Resource), c.doc[e.ResourceOffset:e.ResourceOffset+int64(len(e.Resource))])
				assert.NotEmpty(t, e.Type)
			}
			rep := got.Report
			assert.Equal(t, FormatNDJSON, rep.Format)
			assert.Equal(t, int64(len(c.entries)), rep.Entries)
			assert.Equal(t, rejected, rep.Rejected)
			assert.Equal(t, good, rep.Resources)
			assert.Equal(t, c.types, rep.ResourceCounts)
			assert.Equal(t, c.blank, rep.BlankLines)
			assert.Equal(t, int64(len(c.doc)), rep.Bytes)
			if c.err == "" {
				assert.NoError(t, rep.Err())
			} else {
				assert.EqualError(t, rep.Err(), c.err)
			}
		})
	}
}

// TestStrictLines: at LevelStrict a finding rejects its line and no other.
func TestStrictLines(t *testing.T) {
	doc := "\xef\xbb\xbf" + `{"resourceType":"Basic","id":"a_b"}` + "\n" + `{"resourceType":"Basic","x":[]}` + "\n" + `{"resourceType":"Basic"}`
	got := eachStep(t, doc, &Options{Format: FormatNDJSON, Level: LevelStrict})
	assert.Equal(t, []string{"json-bom", "!fhir-id", "!fhir-json-empty-array"}, codes(got.Report.Issues))
	assert.Equal(t, "Resource.id", got.Report.Issues[1].Path)
	assert.Equal(t, int64(3+29), got.Report.Issues[1].Offset)
	assert.Equal(t, int64(2), got.Report.Rejected)
	assert.Equal(t, map[string]int64{"Basic": 1}, got.Report.ResourceCounts)
	assert.NotNil(t, got.Entries[0].Resource)
	assert.NoError(t, got.Report.Err())
}

// TestReadErrors: an error of src is returned, wrapped, and never reported as invalid
// JSON.
func TestReadErrors(t *testing.T) {
	boom := errors.New("boom")
	for _, f := range []Format{FormatBundle, FormatNDJSON} {
		doc := "\n " + tx(post(patient), `{"request":{"method":"GET","url":"A"}}`)
		if f == FormatNDJSON {
			doc = patient + "\n\n" + patient + "\n" + `{"resourceType":"Basic","x":"` + strings.Repeat("y", 300) + "\"}\n" + patient + "\n"
		}
		for n := range len(doc) + 1 {
			for _, cause := range []error{boom, io.ErrUnexpectedEOF} {
				for _, step := range []int{1, scan.Block} {
					o := &Options{Format: f, MaxEntryBytes: 200}
					src := io.MultiReader(strings.NewReader(doc[:n]), iotest.ErrReader(cause))
					got := stepped(src, o, step)
					all := look(got)
					_, err := got.Next()
					require.ErrorIs(t, err, cause, "%s cut at %d", f, n)
					require.NotErrorIs(t, err, ErrInvalid)
					require.NoError(t, all.Report.Err(), "%s cut at %d", f, n)
					require.LessOrEqual(t, all.Report.Bytes, int64(n))
					_, err = Validate(io.MultiReader(strings.NewReader(doc[:n]), iotest.ErrReader(cause)), o)
					require.ErrorIs(t, err, cause)
				}
			}
		}
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestReaderThatNeverAnswers(t *testing.T) {
	_, err := Validate(idle{}, nil)
	assert.ErrorIs(t, err, io.ErrNoProgress)
}

// TestAll: the iterator ends with an error if the payload is invalid.
func TestAll(t *testing.T) {
	var n int
	var last error
	for e, err := range must(NewBytesReader([]byte(bundleOf("searchset", true, `{"resource":`+patient+`}`)), &Options{Types: []string{"batch"}})).All() {
		if last = err; err == nil {
			n++
			assert.Equal(t, "Patient", e.Type)
		} else {
			assert.Nil(t, e)
		}
	}
	assert.Equal(t, 1, n)
	assert.EqualError(t, last, "Unsupported bundle type: searchset")

	r := must(NewBytesReader([]byte(tx(post(patient), post(patient))), nil))
	for e, err := range r.All() {
		require.NoError(t, err)
		assert.Zero(t, e.Index)
		break
	}
	for e, err := range r.All() {
		require.NoError(t, err)
		assert.Equal(t, int64(1), e.Index)
	}
	for _, err := range must(NewBytesReader([]byte(`{"entry":[{}`), nil)).All() {
		last = err
	}
	assert.ErrorContains(t, last, "Invalid JSON")
	for _, err := range must(NewReader(iotest.ErrReader(io.ErrClosedPipe), nil)).All() {
		last = err
	}
	assert.ErrorIs(t, last, io.ErrClosedPipe)
}

// TestEntryFields: all fields of entries, with offsets.
func TestEntryFields(t *testing.T) {
	doc := "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\n\"entry\":[\n" +
		`  {"fullUrl":"urn:uuid:\u0061","resource":{"x":{"id":"no","resourceType":"No"},"id":"p\u002d1","resourceType":"Patient"},"request":{"x":{"url":"no"},"url":"Patient\/1","method":"PUT"}},` + "\n" +
		`  {"request":{"method":"CONNECT","url":"Patient/2"}, "resource" : { "resourceType" : "Patient" } , "search":{"method":"no"}}` + "\n]}"
	got := eachStep(t, doc, nil)
	require.Len(t, got.Entries, 2)
	e := got.Entries[0]
	assert.Equal(t, "urn:uuid:a", string(e.FullURL))
	assert.Equal(t, "p-1", string(e.ID))
	assert.Equal(t, "Patient", e.Type)
	assert.Equal(t, "PUT", e.Method)
	assert.Equal(t, "Patient/1", string(e.URL))
	assert.Equal(t, int64(3), e.Line())
	assert.Equal(t, int64(strings.Index(doc, `{"fullUrl"`)), e.Offset)
	assert.Equal(t, doc[e.Offset:e.Offset+e.Size], doc[e.Offset:got.Positions[0].Offset])
	assert.True(t, strings.HasPrefix(string(e.Resource), `{"x"`) && strings.HasSuffix(string(e.Resource), `"Patient"}`))
	assert.Equal(t, `{"x":{"url":"no"},"url":"Patient\/1","method":"PUT"}`, string(e.Request))
	e = got.Entries[1]
	assert.Nil(t, e.FullURL)
	assert.Nil(t, e.ID)
	assert.Equal(t, "CONNECT", e.Method)
	assert.Equal(t, `{ "resourceType" : "Patient" }`, string(e.Resource))
	assert.Equal(t, int64(4), e.Line())
	assert.Equal(t, map[string]int64{"Patient": 2}, got.Report.ResourceCounts)
	assert.Equal(t, "batch", got.Report.BundleType)
	assert.Equal(t, Position{Offset: int64(len(doc) - 3), Entries: 2, Lines: 3}, got.Positions[1])
}

// TestManyTypes: types that FHIR does not define take no memory, and are counted
// together.
func TestManyTypes(t *testing.T) {
	var b bytes.Buffer
	letters := func(i int) string { return fmt.Sprintf("Tx%c%c%c", 'a'+i/676, 'a'+i/26%26, 'a'+i%26) }
	for i := range 3000 {
		fmt.Fprintf(&b, "{\"resourceType\":\"%s\"}\n", letters(i))
	}
	r := must(NewReader(&b, &Options{Format: FormatNDJSON}))
	for range 3000 {
		e, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, OtherType, e.Type)
	}
	rep := r.Report()
	assert.Equal(t, int64(3000), rep.Resources)
	assert.Equal(t, map[string]int64{OtherType: 3000}, rep.ResourceCounts)
}

// TestLongLines: the limit excludes the end of a line, and findings about longer lines
// are exact.
func TestLongLines(t *testing.T) {
	line := `{"resourceType":"Basic"}`
	long := line + " "
	for _, c := range []struct {
		doc  string
		size int64 // of the first line
		ok   bool
	}{
		{line, 24, true}, {line + "\n", 24, true}, {line + "\r\n", 24, true},
		{long, 25, false}, {long + "\n", 25, false}, {long + "\r\n", 25, false},
		{long + long, 50, false}, {long + long + "\n", 50, false}, {long + long + "\r\n", 50, false},
		{long + long + "\r", 51, false}, // without its line feed it is white space
	} {
		got := eachStep(t, c.doc, &Options{Format: FormatNDJSON, MaxEntryBytes: len(line)})
		e := got.Entries[0]
		assert.Equal(t, c.size, e.Size, "%q", c.doc)
		assert.Equal(t, c.ok, !e.Rejected(), "%q", c.doc)
		assert.Equal(t, int64(len(c.doc)), got.Positions[0].Offset, "%q", c.doc)
	}
}

// TestIssuesOfOneLine: a line lists as many issues as a report, and always its first
// error.
func TestIssuesOfOneLine(t *testing.T) {
	contained := func(one string, n int, rest string) string {
		return `{"resourceType":"Basic","contained":[` + strings.Repeat(one+",", n) + one + `]` + rest + "}\n"
	}
	for name, c := range map[string]struct {
		line  string
		first int // issues listed of the line
	}{
		"warnings":         {contained(`{"a":1}`, 999, ""), 20},
		"an error at last": {contained(`{"a":1}`, 999, `,"x":{}`), 21},
		"in Bundles":       {contained(`{"resourceType":"Bundle","entry":[7]}`, 999, ""), 20},
		"errors":           {contained(`{"resourceType":"Basic","id":""}`, 999, ""), 21},
	} {
		t.Run(name, func(t *testing.T) {
			r := must(NewBytesReader([]byte(c.line+c.line), &Options{
				Format: FormatNDJSON, MaxIssues: 20, Severities: map[string]Severity{"fhir-json-empty-object": SeverityError, "fhir-json-empty-string": SeverityError},
			}))
			var issues int64
			for e, err := range r.All() {
				require.NoError(t, err)
				assert.Len(t, e.Issues, c.first)
				assert.Equal(t, c.first > 20, e.Rejected())
				assert.Equal(t, e.Rejected(), hasError(e.Issues))
				issues += int64(len(e.Issues))
			}
			rep := r.Report()
			assert.Greater(t, rep.MoreIssues, int64(2*999), "all are counted")
			assert.Equal(t, map[bool]int64{false: 2, true: 0}[c.first > 20], rep.Resources)
		})
	}
}

// TestErrorAfterManyWarnings: an error counts even after more warnings than can be
// listed.
func TestErrorAfterManyWarnings(t *testing.T) {
	warnings := strings.Repeat(`{"_a":[{"id":"x"}]},`, DefaultMaxIssues)
	resource := `{"resourceType":"Basic","a":[` + warnings + `{"b":null}]}`
	for format, doc := range map[Format]string{
		FormatResource: resource,
		FormatBundle:   `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"http://a.b/Basic/1","resource":` + resource + `}]}`,
		FormatNDJSON:   resource,
	} {
		r := must(NewBytesReader([]byte(doc), &Options{Format: format, Level: LevelStrict}))
		e, err := r.Next()
		require.NoError(t, err)
		assert.True(t, e.Rejected(), format)
		_, err = r.Next()
		require.ErrorIs(t, err, io.EOF)
		assert.Contains(t, codes(r.Report().Issues), "!fhir-json-null", format)
	}
}

// TestLineEndsTheValue: a value that continues on the next line is broken, wherever the
// line feed is. After a valid first line, a file is never taken for one document over
// several lines.
func TestLineEndsTheValue(t *testing.T) {
	line := `{"resourceType": "A", "x": [ 1, true, {"y": "z"} ], "text": "` + strings.Repeat("abc ", 40) + `" , "z": {} }`
	for i := 1; i < len(line); i++ {
		data := "{}\n" + line[:i] + "\n" + line[i:] + "\n" + line
		r := must(NewBytesReader([]byte(data), &Options{Format: FormatNDJSON}))
		var starts []int64
		var rejected []bool
		for e, err := range r.All() {
			require.NoError(t, err)
			starts, rejected = append(starts, e.Offset), append(rejected, e.Rejected())
			for _, is := range e.Issues {
				require.LessOrEqual(t, is.Offset, e.Offset+e.Size, "%d", i)
			}
		}
		require.Equal(t, []int64{0, 3, int64(i + 4), int64(len(line) + 5)}, starts)
		require.Equal(t, []bool{true, true, true, false}, rejected, "%d", i)
	}
}

// TestAppendLine: AppendLine removes exactly the white space between tokens.
func TestAppendLine(t *testing.T) {
	for in, want := range map[string]string{
		`{"a": 1 }`:                             `{"a": 1 }`,
		"{\"a\": 1 \n}":                         `{"a":1}`,
		"{\r\"a b\" :\t[ 1.50 , true,\n\"\" ]}": `{"a b":[1.50,true,""]}`,
		"{\n\"a\\\"\\\\\": \" x \\\\\"}":        `{"a\"\\":" x \\"}`,
		"\n{ }\n":                               `{}`,
	} {
		assert.Equal(t, "dst"+want, string(AppendLine([]byte("dst"), []byte(in))), "%q", in)
	}
	for e, err := range must(NewBytesReader(fhirgen.New(&fhirgen.Options{Indent: true}).AppendBundle(nil, "transaction", 50), nil)).All() {
		require.NoError(t, err)
		var want bytes.Buffer
		require.NoError(t, json.Compact(&want, e.Resource))
		require.Equal(t, want.String(), string(AppendLine(nil, e.Resource)))
	}
}

// FuzzAppendLine compares with encoding/json.
func FuzzAppendLine(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if CheckJSON(data, nil) != nil {
			AppendLine(nil, data) // what is no JSON does no harm
			return
		}
		data = bytes.TrimPrefix(data, bom)
		var want bytes.Buffer
		require.NoError(t, json.Compact(&want, data))
		got := AppendLine(nil, data)
		if bytes.ContainsAny(data, "\r\n") {
			require.Equal(t, want.Bytes(), got)
		} else {
			require.Equal(t, data, got)
		}
	})
}
