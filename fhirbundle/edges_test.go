package fhirbundle

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// TestStringsAtTheLimit: a string at the limit is accepted, and one byte more is not,
// wherever it is. A string of one byte is not empty.
func TestStringsAtTheLimit(t *testing.T) {
	for _, n := range []int{16, 17, 23, 24, 25, 31, 32, 40} { // "resourceType" has to fit
		o := &Options{MaxStringBytes: n, Level: LevelStrict, Types: []string{}}
		for _, plain := range []bool{true, false} {
			at := strings.Repeat("a", n)
			if !plain { // the last byte belongs to an escape
				at = strings.Repeat("a", n-2) + `\n`
			}
			for _, doc := range []string{
				`"#"`, `["#"]`, `[1,"#",2]`, `{"a":"#"}`, `{"#":1}`, `{"a":{"#":"#"}}`,
			} {
				fits, more := strings.ReplaceAll(doc, "#", at), strings.ReplaceAll(doc, "#", "a"+at)
				require.NoError(t, CheckJSON([]byte(fits), o), fits)
				var invalid *InvalidError
				require.ErrorAs(t, CheckJSON([]byte(more), o), &invalid, more)
				require.Equal(t, "json-string-length", invalid.First.Code, more)
				require.Equal(t, int64(strings.Index(more, `"a`+at[:1])), invalid.First.Offset, more)
			}
			bundle := `{"x":"#",` + bundleOf("collection", false, `{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Basic","x":"#"}}`)[1:]
			require.Equal(t, "EOF", eachStep(t, strings.ReplaceAll(bundle, "#", at), o).Err)
			got := eachStep(t, strings.Replace(bundle, "#", "a"+at, 1), o)
			require.Equal(t, []string{"!json-string-length"}, codes(got.Report.Issues))
		}
	}
	for text, want := range map[string][]string{``: {"fhir-json-empty-string"}, `a`: nil, `\n`: nil, `é`: nil} {
		for _, doc := range []string{
			`{"x":"` + text + `",` + bundleOf("collection", false, `{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Basic"}}`)[1:],
			bundleOf("collection", false, `{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Basic","x":"`+text+`"}}`),
			bundleOf("collection", false, `{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Basic","x":["`+text+`"]}}`),
		} {
			assert.Equal(t, want, codes(must(ValidateBytes([]byte(doc), nil)).Issues), doc)
		}
	}
}

// TestOrderOfFindings: findings at the end of an object are listed in order of position.
func TestOrderOfFindings(t *testing.T) {
	for value, want := range map[string][]string{
		`{"a":[null],"b":""}`:              {"fhir-json-null", "fhir-json-empty-string"},
		`{"a":[null],"b":{"c":[null,{}]}}`: {"fhir-json-null", "fhir-json-null", "fhir-json-empty-object"},
		`{"a":{},"b":[null],"c":[]}`:       {"fhir-json-empty-object", "fhir-json-null", "fhir-json-empty-array"},
	} {
		got := eachStep(t, `{"resourceType":"Basic","x":`+value+`}`, &Options{Format: FormatNDJSON})
		assert.Equal(t, want, codes(got.Report.Issues), value)
	}
}

// TestAfterAFault: a broken line does not affect the lines after it.
func TestAfterAFault(t *testing.T) {
	const good = `{"resourceType":"Basic","a":1,"b":[null],"_b":[{"id":"x"}],"\u0063":{"d":2}}`
	const odd = `{"a":[null],"resourceType":"Basic"}` // its null is found
	for _, broken := range []string{
		`{"a":1,"b":2,"resourceType":`, `{"\u0061":{"b":[null],"\u0063":`, `{` + many(50) + `,"a":x`, `{"a":[null],"\u0062":[null],"c":[[[{"d":`,
		`{"b":[null]`, `{"_b":[null],"x":{"_b":[null],]`, `{"a":[null],]`,
	} {
		got := eachStep(t, strings.Join([]string{good, broken, good, broken, odd, broken, good}, "\n"), &Options{Format: FormatNDJSON, Level: LevelStrict})
		require.Len(t, got.Entries, 7)
		for i, e := range got.Entries {
			switch {
			case i == 4:
				assert.Equal(t, []string{"!fhir-json-null"}, codes(e.Issues), "after %s", broken)
			default:
				assert.Equal(t, i%2 == 1, e.Rejected(), "line %d of those with %s", i+1, broken)
			}
		}
	}
}

// TestPatience: a source that returns nothing is read again, but not forever.
func TestPatience(t *testing.T) {
	src := &asked{}
	_, err := Validate(src, nil)
	require.ErrorIs(t, err, io.ErrNoProgress)
	require.LessOrEqual(t, src.n, 100)
	rep, err := Validate(&chunks{data: []byte(tx(post(patient))), size: 1, idle: src.n - 1, err: io.EOF}, nil)
	require.NoError(t, err)
	require.NoError(t, rep.Err())
}

// asked counts how often it is.
type asked struct{ n int }

func (a *asked) Read([]byte) (int, error) { a.n++; return 0, nil }

// TestNULEverywhere: a NUL gets its own message anywhere in a document.
func TestNULEverywhere(t *testing.T) {
	resource := `{"resourceType" : "Basic" , "a":[ 12 , { "b":"0123456789" },[ ],{ },[3]],"c":{"d":4 , "e":5} }`
	for format, doc := range map[Format]string{FormatBundle: " " + tx(post(resource), " "+post(resource)) + " ", FormatNDJSON: resource + " "} {
		o := &Options{Format: format}
		for i := range len(doc) + 1 {
			data := []byte(doc[:i] + "\x00" + doc[i:])
			rep := must(ValidateBytes(data, o))
			if assert.NotEmpty(t, rep.Issues, "%q", data) {
				last := rep.Issues[len(rep.Issues)-1]
				assert.Equal(t, "json-nul", last.Code, "%q", data)
				assert.Equal(t, int64(i), last.Offset, "%q", data)
			}
			var invalid *InvalidError
			require.ErrorAs(t, CheckJSON(data, nil), &invalid)
			assert.Equal(t, "json-nul", invalid.First.Code, "%q", data)
		}
	}
}

// TestCutNumbers: a truncated number is distinguished from an invalid one.
func TestCutNumbers(t *testing.T) {
	for _, number := range []string{"-", "1.", "0.", "1e", "1E+", "1.5e-"} {
		for _, before := range []string{"", `[`, `{"a":`} {
			assert.ErrorContains(t, CheckJSON([]byte(before+number), nil), "the document ends too early", before+number)
			assert.ErrorContains(t, CheckJSON([]byte(before+number+" "), nil), "a number is not written as JSON wants it", before+number)
		}
	}
}

// TestValueAtTheLimit: a value that ends exactly at the limit of an entry is accepted,
// and anything longer is too long, valid or not.
func TestValueAtTheLimit(t *testing.T) {
	for _, c := range []struct {
		value string
		less  string // the code where the limit is a byte less
	}{
		{`1234`, "json-entry-length"}, {`-1.5`, "json-entry-length"}, {`true`, "json-entry-length"}, {`"ab"`, "json-entry-length"}, {`[12]`, "json-entry-length"},
		{`[12 `, "json-entry-length"}, {`"ab`, "json-entry-length"}, {`1.`, "json-entry-length"}, {`12x4`, "json-syntax"},
	} {
		var invalid *InvalidError
		err := CheckJSON([]byte(c.value), &Options{MaxEntryBytes: len(c.value)})
		switch c.value {
		case `[12 `, `"ab`, `1.`: // it is cut, and even then it is as long as the limit
			require.ErrorAs(t, err, &invalid, c.value)
			assert.Equal(t, "json-entry-length", invalid.First.Code, c.value)
			require.ErrorAs(t, CheckJSON([]byte(c.value), &Options{MaxEntryBytes: len(c.value) + 1}), &invalid, c.value)
			assert.Equal(t, "json-syntax", invalid.First.Code, c.value)
		case `12x4`:
			assert.ErrorIs(t, err, ErrInvalid)
		default:
			assert.NoError(t, err, c.value)
		}
		require.ErrorAs(t, CheckJSON([]byte(c.value), &Options{MaxEntryBytes: len(c.value) - 1}), &invalid, c.value)
		assert.Equal(t, c.less, invalid.First.Code, c.value)
	}
}

// TestBufferAtTheLimit: a value that is too long does not grow the buffer beyond the
// limit and one block.
func TestBufferAtTheLimit(t *testing.T) {
	for _, format := range []Format{FormatBundle, FormatNDJSON} {
		o := &Options{Format: format, MaxEntryBytes: 1<<20 + 1000}
		r := must(NewReader(&pattern{head: `{"entry":["`, body: strings.Repeat("x", 4096), left: 2000}, o))
		_ = look(r)
		assert.LessOrEqual(t, cap(r.input.Buf), o.MaxEntryBytes+scan.Block)
	}
}

// TestEmptyName: a member may have an empty name, even if its array has a null and "_"
// is its companion.
func TestEmptyName(t *testing.T) {
	for members, want := range map[string][]string{
		`"":[null]`:                           {"fhir-json-null"},
		`"":["a",null],"_":[null,{"id":"b"}]`: nil,
		`"_":[{"id":"b"},null],"":[null,"a"]`: nil,
		`"_":[null]`:                          {"fhir-json-null"},
	} {
		got := eachStep(t, `{"resourceType":"Basic",`+members+`}`, &Options{Format: FormatNDJSON})
		assert.Equal(t, want, codes(got.Report.Issues), members)
	}
}
