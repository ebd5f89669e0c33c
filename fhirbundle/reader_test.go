package fhirbundle

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// seen is a copy of everything that a reader returns for a payload.
type seen struct {
	Entries   []Entry
	Positions []Position
	Report    *Report
	Err       string
}

func look(r *Reader) seen {
	var s seen
	for {
		e, err := r.Next()
		if err != nil {
			s.Err = err.Error()
			if _, again := r.Next(); again.Error() != s.Err {
				s.Err = "not the same again: " + again.Error()
			}
			break
		}
		c := *e
		c.Resource, c.ID, c.FullURL = bytes.Clone(e.Resource), bytes.Clone(e.ID), bytes.Clone(e.FullURL)
		c.Request, c.URL, c.Issues = bytes.Clone(e.Request), bytes.Clone(e.URL), slices.Clone(e.Issues)
		c.line, c.win = e.Line(), nil
		if len(c.Issues) == 0 {
			c.Issues = nil
		}
		s.Entries = append(s.Entries, c)
		s.Positions = append(s.Positions, r.Position())
	}
	s.Report = r.Report()
	return s
}

// stepped returns a reader of src with the smallest possible blocks, so that every value
// crosses the end of one.
func stepped(src io.Reader, o *Options, step int) *Reader {
	r := must(NewReader(src, o))
	r.input.Step = step
	return r
}

// codes of the issues, with a "!" before those of errors.
func codes(issues []Issue) []string {
	var all []string
	for _, is := range issues {
		c := is.Code
		if is.Severity == SeverityError {
			c = "!" + c
		}
		all = append(all, c)
	}
	return all
}

const patient = `{"resourceType":"Patient","id":"p1"}`

// tx is a transaction with these entries.
func tx(entries ...string) string {
	return `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`
}

// post is an entry with a resource and a request.
func post(resource string) string {
	typ := "Patient"
	if _, rest, ok := strings.Cut(resource, `"resourceType":"`); ok {
		typ, _, _ = strings.Cut(rest, `"`)
	}
	return `{"resource":` + resource + `,"request":{"method":"POST","url":"` + typ + `"}}`
}

// frontDoor are the options of a front door.
var frontDoor = Options{Types: []string{"transaction", "batch", "collection", "message"}, RequireEntries: true}

// TestEmptyBundles: a Bundle of any type may be empty.
func TestEmptyBundles(t *testing.T) {
	for _, typ := range bundleTypes {
		doc := `{"resourceType":"Bundle","type":"` + typ + `"}`
		if typ == "document" || typ == "message" || typ == "subscription-notification" {
			continue // their first entry is required
		}
		for _, v := range []Version{R4, R4B} {
			rep := must(ValidateBytes([]byte(doc), &Options{Level: LevelStrict, Version: v}))
			assert.Empty(t, rep.Issues, "%s %s", v, doc)
		}
		rep := must(ValidateBytes([]byte(doc), &Options{Level: LevelStrict, RequireEntries: true}))
		assert.Equal(t, []string{"!bundle-no-entries"}, codes(rep.Issues), doc)
		rep = must(ValidateBytes([]byte(strings.Replace(doc, "}", `,"entry":[]}`, 1)), &Options{Level: LevelStrict}))
		assert.Equal(t, []string{"!fhir-json-empty-array"}, codes(rep.Issues), doc)
	}
}

func TestSixRules(t *testing.T) {
	for _, c := range []struct {
		name, doc string
		first     string // InvalidError.First.Message
		codes     []string
		path      string
		offset    int64
	}{
		{name: "empty", doc: "", first: "Request body is empty", codes: []string{"!body-empty"}},
		{name: "white space", doc: " \n\t ", first: "Request body is empty", codes: []string{"!body-empty"}},
		{name: "only a mark", doc: "\xef\xbb\xbf", first: "Request body is empty", codes: []string{"json-bom", "!body-empty"}},
		{name: "not JSON", doc: "hello", first: "Invalid JSON: a value was expected, at line 1, byte offset 0", codes: []string{"!json-syntax"}},
		{name: "cut", doc: "{\n\"a\"", first: "Invalid JSON: the document ends too early, at line 2, byte offset 5", codes: []string{"!json-syntax"}, path: "Bundle", offset: 5},
		{name: "patient", doc: patient, first: "Expected resourceType 'Bundle', got 'Patient'", codes: []string{"!bundle-resource-type"}, path: "Bundle", offset: 16},
		{name: "array", doc: "[1]", first: "Expected resourceType 'Bundle', got a JSON array", codes: []string{"!bundle-resource-type"}},
		{name: "string", doc: `"x"`, first: "Expected resourceType 'Bundle', got a JSON string", codes: []string{"!bundle-resource-type"}},
		{name: "long number", doc: `-1234.5678E+10`, first: "Expected resourceType 'Bundle', got a JSON number", codes: []string{"!bundle-resource-type"}},
		{name: "long word", doc: `{"resourceType":"` + strings.Repeat("x", 41) + `","type":"` + strings.Repeat("y", 41) + `","entry":[{"resource":` + patient + `}]}`, first: "Expected resourceType 'Bundle', got a value that is not a type name", codes: []string{"!bundle-resource-type", "!bundle-type"}, path: "Bundle", offset: 16},
		{name: "longest word", doc: `{"resourceType":"` + strings.Repeat("x", 40) + `"}`, first: "Expected resourceType 'Bundle', got a name that FHIR does not define", codes: []string{"!bundle-resource-type"}, path: "Bundle", offset: 16},
		{name: "number", doc: `12`, first: "Expected resourceType 'Bundle', got a JSON number", codes: []string{"!bundle-resource-type"}},
		{name: "true", doc: ` true `, first: "Expected resourceType 'Bundle', got a JSON boolean", codes: []string{"!bundle-resource-type"}, offset: 1},
		{name: "null", doc: `null`, first: "Expected resourceType 'Bundle', got JSON null", codes: []string{"!bundle-resource-type"}},
		{name: "nothing in it", doc: `{}`, first: "Expected resourceType 'Bundle', got no resourceType", codes: []string{"!bundle-resource-type", "!bundle-type", "!bundle-no-entries"}, path: "Bundle"},
		{name: "no word", doc: `{"resourceType":"John Doe 1970","type":"batch","entry":[{"resource":` + patient + `}]}`, first: "Expected resourceType 'Bundle', got a value that is not a type name", codes: []string{"bdl-3", "!bundle-resource-type"}, path: "Bundle", offset: 16},
		{name: "no string", doc: `{"resourceType":5,"type":"batch","entry":[` + post(patient) + `]}`, first: "Expected resourceType 'Bundle', got a value that is not a type name", codes: []string{"!bundle-resource-type"}, path: "Bundle", offset: 16},
		{name: "no type", doc: `{"resourceType":"Bundle","entry":[` + post(patient) + `]}`, first: "Unsupported bundle type: none", codes: []string{"!bundle-type"}, path: "Bundle.type"},
		{name: "searchset", doc: `{"resourceType":"Bundle","type":"searchset","entry":[{"resource":` + patient + `}]}`, first: "Unsupported bundle type: searchset", codes: []string{"fu-missing-searchset", "!bundle-type"}, path: "Bundle.type", offset: 32},
		{name: "odd type", doc: `{"resourceType":"Bundle","type":"a b","entry":[{"resource":` + patient + `}]}`, first: "Unsupported bundle type: a value that is not a type name", codes: []string{"!bundle-type"}, path: "Bundle.type", offset: 32},
		{name: "no entry", doc: `{"resourceType":"Bundle","type":"batch"}`, first: "Bundle contains no entries", codes: []string{"!bundle-no-entries"}, path: "Bundle.entry"},
		{name: "empty entry", doc: `{"resourceType":"Bundle","type":"batch","entry": [ ] }`, first: "Bundle contains no entries", codes: []string{"fhir-json-empty-array", "!bundle-no-entries"}, path: "Bundle.entry", offset: 49},
		{name: "entry is an object", doc: `{"resourceType":"Bundle","type":"batch","entry":{}}`, first: "Bundle.entry is not an array", codes: []string{"!bundle-entry-array"}, path: "Bundle.entry", offset: 48},
		{name: "entry is null", doc: `{"resourceType":"Bundle","type":"batch","entry":null}`, first: "Bundle.entry is not an array", codes: []string{"!bundle-entry-array"}, path: "Bundle.entry", offset: 48},
		{name: "entry without resource", doc: tx(post(patient), `{"request":{"method":"PUT","url":"Basic/1"}}`), first: "Entry 1 missing 'resource' field", codes: []string{"!entry-resource"}, path: "Bundle.entry[1]", offset: 149},
		{name: "number among the entries", doc: tx(post(patient), `7`), first: "Entry 1 is not an object", codes: []string{"!bundle-entry-object"}, path: "Bundle.entry[1]", offset: 149},
		{name: "resource is a string", doc: tx(`{"resource":"x","request":{"method":"POST","url":"Patient"}}`), first: "Entry 0 has a 'resource' that is not an object", codes: []string{"!entry-resource-object"}, path: "Bundle.entry[0].resource", offset: 67},
		{name: "all of them", doc: `{"resourceType":"Bundel","type":"searchset","entry":[{},{}]}`, first: "Expected resourceType 'Bundle', got a name that FHIR does not define",
			codes: []string{"bdl-5", "!entry-resource", "fhir-json-empty-object", "bdl-5", "!entry-resource", "fhir-json-empty-object", "!bundle-resource-type", "!bundle-type"}, path: "Bundle", offset: 16},
		{name: "good", doc: tx(post(patient))},
		{name: "good, with all kinds of space", doc: " \t\r\n{ \"resourceType\" :\n\"Bundle\" , \"entry\" : [ { \"resource\" : " + patient + " , \"request\" : { \"method\" : \"POST\" , \"url\" : \"Patient\" } } ] , \"type\"\r\n:\t\"batch\" } \n"},
		{name: "good, names and values in escapes", doc: `{"resourceTyp\u0065":"B\u0075ndle","\u0074ype":"batc\u0068","entr\u0079":[{"\u0072esource":` + patient + `,"request":{"meth\u006fd":"P\u004fST","url":"Patient"}}]}`},
		{name: "get, head, delete", doc: tx(`{"request":{"method":"GET","url":"Basic"}}`, `{"request":{"url":"Basic","method":"HEAD"}}`, `{"request":{"method":"DELETE","url":"Basic/1"}}`)},
		{name: "get in a collection", doc: `{"resourceType":"Bundle","type":"collection","entry":[{"request":{"method":"GET","url":"Basic"}}]}`, first: "Entry 0 missing 'resource' field", codes: []string{"!entry-resource", "bdl-3"}, path: "Bundle.entry[0]", offset: 54},
		{name: "get before the type", doc: `{"entry":[{"request":{"method":"GET","url":"Basic"}}],"type":"collection","resourceType":"Bundle"}`, first: "Entry 0 missing 'resource' field", codes: []string{"!entry-resource", "bdl-3"}, path: "Bundle.entry[0]", offset: 10},
		{name: "get before a good type", doc: `{"entry":[{"request":{"method":"GET","url":"Basic"}}],"type":"transaction","resourceType":"Bundle"}`},
		{name: "a Bundle in a Bundle", doc: tx(post(`{"resourceType":"Bundle","type":"searchset","entry":[{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Basic","id":"z"}}],"id":"inner"}`))},
		{name: "after the end", doc: tx(post(patient)) + "{}", first: "Invalid JSON: something follows the end of the document, at line 1, byte offset 150", codes: []string{"!json-syntax"}, offset: 150},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, step := range []int{0, 1, 3, scan.Block} {
				r := must(NewBytesReader([]byte(c.doc), &frontDoor))
				if step > 0 {
					r = stepped(iotest.OneByteReader(strings.NewReader(c.doc)), &frontDoor, step)
				}
				got := look(r)
				err := got.Report.Err()
				assert.Equal(t, c.codes, codes(got.Report.Issues), step)
				if c.first == "" {
					assert.NoError(t, err)
					assert.Equal(t, "EOF", got.Err)
					assert.Equal(t, int64(len(c.doc)), got.Report.Bytes)
					continue
				}
				var invalid *InvalidError
				require.ErrorAs(t, err, &invalid)
				assert.ErrorIs(t, err, ErrInvalid)
				assert.Equal(t, c.first, err.Error())
				assert.Equal(t, c.path, invalid.First.Path)
				assert.Equal(t, c.offset, invalid.First.Offset)
				assert.Positive(t, invalid.First.Line)
			}
		})
	}
}

// TestFaults: each document breaks one rule that is always an error. The position of the
// fault does not depend on how the document is read.
func TestFaults(t *testing.T) {
	o := &Options{MaxDepth: 8, MaxStringBytes: 50, MaxEntryBytes: 300}
	in := func(value string) string { return tx(`{"resource":{"resourceType":"Basic","x":` + value + `}}`) }
	names := func(n int, last string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"n%d":1,`, i)
		}
		return `{` + b.String() + last + `:1}`
	}
	for _, c := range []struct {
		name, doc, code string
		at              string // what stands at the fault; "" for the end
	}{
		{"name twice", in(`{"abc":1,"b":2,"abc":3}`), "json-dup", `"abc":3`},
		{"name twice, in escapes", in(`{"abc":1,"\u0061bc":3}`), "json-dup", `"\u0061`},
		{"name twice, escapes first", in(`{"\u0061bc":3,"abc":1}`), "json-dup", `"abc":1`},
		{"name twice, surrogates", in(`{"😀":3,"\ud83d\ude00":1}`), "json-dup", `"\ud83d`},
		{"empty name twice", in(`{"":3,"":1}`), "json-dup", `"":1`},
		{"name of eight bytes twice", in(`{"abcdefgh":1,"abcdefg":1,"abcdefgh":2}`), "json-dup", `"abcdefgh":2`},
		{"long name twice", in(`{"abcdefghijklmnopqrstuv":1,"abcdefghijklmnopqrstuw":1,"abcdefghijklmnopqrstuv":2}`), "json-dup", `"abcdefghijklmnopqrstuv":2`},
		{"name twice of 33", in(names(33, `"n0"`)), "json-dup", `"n0":1}`},
		{"name twice in the entry", tx(`{"resource":{},"fullUrl":"a","resource":{}}`), "json-dup", `"resource":{}}]`},
		{"name twice in the Bundle", `{"type":"batch","resourceType":"Bundle","type":"batch"}`, "json-dup", `"type":"batch"}`},
		{"entry twice", `{"entry":[{}],"entry":[]}`, "json-dup", `"entry":[]`},
		{"entry twice, in escapes", `{"entry":[{}],"\u0065ntry":[]}`, "json-dup", `"\u0065`},
		{"overlong", in("\"a\xc0\xafb\""), "json-utf8", "\xc0"},
		{"surrogate in UTF-8", in("\"\xed\xa0\x80\""), "json-utf8", "\xed"},
		{"above 10FFFF", in("\"\xf4\x90\x80\x80\""), "json-utf8", "\xf4"},
		{"continuation", in("\"abcdefghijk\x80\""), "json-utf8", "\x80"},
		{"cut sequence", in("\"\xe2\x82\""), "json-utf8", "\xe2"},
		{"UTF-8 in a name", in("{\"\xff\":1}"), "json-utf8", "\xff"},
		{"high surrogate alone", in(`"ab\ud800"`), "json-surrogate", `\ud800`},
		{"low surrogate alone", in(`"\udc00\ud800"`), "json-surrogate", `\udc00`},
		{"two high surrogates", in(`"\ud800\ud800"`), "json-surrogate", `\ud800\ud800`},
		{"surrogate in a name", in(`{"\ud800":1}`), "json-surrogate", `\ud800`},
		{"escaped NUL", in(`"a\u0000"`), "json-nul", `\u0000`},
		{"escaped NUL in a name", in(`{"\u0000":1}`), "json-nul", `\u0000`},
		{"NUL in a string", in("\"a\x00\""), "json-nul", "\x00"},
		{"NUL for a value", in("\x00"), "json-nul", "\x00"},
		{"NUL for a comma", in("[1\x002]"), "json-nul", "\x00"},
		{"NUL after", tx(post(patient)) + "\x00", "json-nul", "\x00"},
		{"control character", in("\"a\x1f\""), "json-syntax", "\x1f"},
		{"line feed in a string", in("\"a\n\""), "json-syntax", "\n"},
		{"unknown escape", in(`"\x41"`), "json-syntax", `\x41`},
		{"short escape", in(`"\u00g0"`), "json-syntax", `\u00g0`},
		{"leading zero", in(`01`), "json-syntax", `1}`},
		{"plus", in(`+1`), "json-syntax", `+1`},
		{"no digit after the point", in(`1.`), "json-syntax", `}}`},
		{"no digit in the exponent", in(`1e+`), "json-syntax", `}}`},
		{"minus alone", in(`-`), "json-syntax", `}}`},
		{"literal", in(`nul`), "json-syntax", `nul}`},
		{"literal in capitals", in(`True`), "json-syntax", `True`},
		{"NaN", in(`NaN`), "json-syntax", `NaN`},
		{"comment", in(`1/**/`), "json-syntax", `/**/`},
		{"comma at the end of an array", in(`[1,]`), "json-syntax", `]}}]`},
		{"comma at the end of an object", in(`{"a":1,}`), "json-syntax", `}}}`},
		{"comma at the end of the entries", `{"entry":[{},]}`, "json-syntax", `]}`},
		{"comma at the end of the Bundle", `{"a":1,}`, "json-syntax", `}`},
		{"comma first", `{"entry":[,{}]}`, "json-syntax", `,{`},
		{"no comma", `{"entry":[{}{}]}`, "json-syntax", `{}]`},
		{"no comma in the Bundle", `{"a":1 "b":2}`, "json-syntax", `"b"`},
		{"no colon", in(`{"a" 1}`), "json-syntax", `1}`},
		{"no colon in the Bundle", `{"a" 1}`, "json-syntax", `1}`},
		{"name without quotes", in(`{a:1}`), "json-syntax", `a:1`},
		{"single quotes", in(`'a'`), "json-syntax", `'a'`},
		{"wrong bracket", in(`[1}`), "json-syntax", `}}`},
		{"wrong brace", in(`{"a":1]`), "json-syntax", `]}}]`},
		{"cut in a string", `{"entry":[{"resource":{"a":"bc`, "json-syntax", ""},
		{"cut in an escape", `{"entry":[{"resource":{"a":"bc\u12`, "json-syntax", ""},
		{"cut in UTF-8", "{\"entry\":[{\"resource\":{\"a\":\"bc\xe2\x82", "json-syntax", ""},
		{"cut in a number", `{"entry":[{"resource":{"a":12.`, "json-syntax", ""},
		{"cut in a literal", `{"entry":[{"resource":{"a":tr`, "json-syntax", ""},
		{"cut in the entries", `{"entry":[{},`, "json-syntax", ""},
		{"cut in the Bundle", `{"entry":[{}],"a":1`, "json-syntax", ""},
		{"too deep", in(`[[[[[1]]]]]`), "json-depth", `[1]`},
		{"too deep, objects", in(`{"a":{"a":{"a":{"a":{"a":1}}}}}`), "json-depth", `{"a":1}`},
		{"too deep beside the entries", `{"a":[[[[[[[[1]]]]]]]]}`, "json-depth", `[1]`},
		{"long string", in(`"` + strings.Repeat("x", 51) + `"`), "json-string-length", `"xxx`},
		{"long name", in(`{"` + strings.Repeat("x", 51) + `":1}`), "json-string-length", `"xxx`},
		{"long string in the Bundle", `{"a":"` + strings.Repeat("x", 51) + `"}`, "json-string-length", `"xxx`},
		{"long entry", tx(post(patient), `{"resource":[`+strings.Repeat(`"x",`, 100)+`1]}`), "json-entry-length", `{"resource":[`},
		{"long entry that is broken late", tx(`{"resource":[` + strings.Repeat(`"x",`, 100) + `1}}`), "json-entry-length", `{"resource":[`},
		{"long member", `{"a":[` + strings.Repeat(`"x",`, 100) + `1]}`, "json-entry-length", `["x"`},
		{"long entry that is cut", tx(`{"resource":[` + strings.Repeat(`"x",`, 100)), "json-entry-length", `{"resource":[`},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := len(c.doc)
			if c.at != "" {
				at = strings.LastIndex(c.doc, c.at)
				if c.code == "json-string-length" || c.code == "json-entry-length" || c.at == "}}" {
					at = strings.Index(c.doc, c.at)
				}
			}
			want := look(must(NewBytesReader([]byte(c.doc), o)))
			require.NotEmpty(t, want.Report.Issues)
			is := want.Report.Issues[len(want.Report.Issues)-1]
			assert.Equal(t, c.code, is.Code)
			assert.Equal(t, SeverityError, is.Severity)
			assert.Equal(t, int64(at), is.Offset, "it stands at %q", c.doc[min(int(is.Offset), len(c.doc)):])
			assert.True(t, strings.HasPrefix(want.Err, "Invalid JSON: "), want.Err)
			assert.ErrorIs(t, want.Report.Err(), ErrInvalid)
			for _, step := range []int{1, 2, 3, 7, 64} {
				assert.Equal(t, want, look(stepped(strings.NewReader(c.doc), o, step)), step)
			}
		})
	}
}

// TestLimitsExactly: values exactly at a limit are accepted.
func TestLimitsExactly(t *testing.T) {
	entry := post(`{"resourceType":"Basic","x":"` + strings.Repeat("y", 50) + `","z":[[[1]]]}`)
	doc := []byte(tx(entry))
	o := &Options{MaxDepth: 7, MaxStringBytes: 50, MaxEntryBytes: len(entry)}
	for _, step := range []int{1, 16, scan.Block} {
		assert.NoError(t, look(stepped(bytes.NewReader(doc), o, step)).Report.Err())
	}
	for _, less := range []Options{
		{MaxDepth: 6, MaxStringBytes: 50, MaxEntryBytes: len(entry)},
		{MaxDepth: 7, MaxStringBytes: 49, MaxEntryBytes: len(entry)},
		{MaxDepth: 7, MaxStringBytes: 50, MaxEntryBytes: len(entry) - 1},
		{MaxDepth: 1, MaxStringBytes: 50, MaxEntryBytes: len(entry)},
	} {
		assert.Error(t, must(ValidateBytes(doc, &less)).Err(), "%+v", less)
	}
	name := []byte(`{"` + strings.Repeat("n", 50) + `":1}`)
	assert.NoError(t, CheckJSON(name, &Options{MaxStringBytes: 50}))
	assert.Error(t, CheckJSON(name, &Options{MaxStringBytes: 49}))
}

// resetDocs leave a reader in every kind of state.
func resetDocs(t *testing.T) [][]byte {
	docs := [][]byte{
		nil,
		[]byte(tx(post(patient))),
		[]byte(tx(post(patient), `{"fullUrl":"a","resource":{"resourceType":"Made\u0055p","_x":[null,{"id":"a"}],"x":[1,null]}}`)),
		[]byte(`{"entry":[{"resource":{"resourceType":"A"},"request":{}}],"type":"batch","resourceType":"Bundle"}`),
		[]byte(tx(post(patient)) + " x"),
		[]byte(tx(`{"resource":{"a":{"b":[{"c":"`)),
		[]byte("\xef\xbb\xbf" + tx(post(tx(post(patient))))),
		[]byte(`[{"a":1,"a":2}]`),
		[]byte(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"a":` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + `}}]}`),
		[]byte(tx("{" + many(60)[1:] + "}")),
		[]byte(tx(strings.Repeat(`{"fullUrl":1},`, 200) + post(patient))),
		fhirgen.New(nil).AppendBundle(nil, "transaction", 300),
		fhirgen.New(&fhirgen.Options{Indent: true}).AppendBundle(nil, "message", 40),
		[]byte("{}\n\n" + patient + "\r\n{\n" + patient),
	}
	for _, f := range corpusFiles(t) {
		if len(f.data) < 100_000 {
			docs = append(docs, f.data)
		}
	}
	return docs
}

// TestReset: a reader that was used before reads like a new one.
func TestReset(t *testing.T) {
	docs := resetDocs(t)
	for _, o := range []*Options{nil, {Level: LevelStrict, MaxIssues: 3, MaxDepth: 12}, {Format: FormatNDJSON, Types: []string{}}} {
		fromBytes, fromStream := must(NewBytesReader(nil, o)), must(NewReader(strings.NewReader("{"), o))
		resumed := must(ResumeReader(strings.NewReader(`,{}],"a":1`), Position{Offset: 9, Entries: 2, Lines: 1}, o))
		look(resumed)
		turns := must(ResumeReader(strings.NewReader(""), Position{}, o))
		for i, data := range docs {
			want := look(must(NewBytesReader(data, o)))
			name := fmt.Sprintf("document %d, %+v", i, o)
			if i%3 > 0 {
				_, _ = fromBytes.Next() // what was begun is given up
				_, _ = fromStream.Next()
			}
			fromBytes.ResetBytes(data)
			require.Equal(t, want, look(fromBytes), name)
			fromStream.Reset(bytes.NewReader(data))
			require.Equal(t, want, look(fromStream), name)
			resumed.Reset(struct{ io.Reader }{bytes.NewReader(data)})
			require.Equal(t, want, look(resumed), name)
			if turns.Reset(bytes.NewReader(data)); i%2 == 0 {
				turns.ResetBytes(data)
			}
			require.Equal(t, want, look(turns), name)
			require.Equal(t, want.Report, must(ValidateBytes(data, o)), name)
			rep, err := Validate(bytes.NewReader(data), o)
			require.NoError(t, err)
			require.Equal(t, want.Report, rep, name)
		}
	}
}

// TestResetAllocates: reading small payloads one after another allocates no buffers,
// tables or readers.
func TestResetAllocates(t *testing.T) {
	data := []byte(tx(post(patient)))
	r, src := must(NewReader(strings.NewReader(""), nil)), bytes.NewReader(nil)
	n := testing.AllocsPerRun(100, func() {
		src.Reset(data)
		r.Reset(src)
		readAll(t, r)
	})
	assert.LessOrEqual(t, n, 0.0)
	n = testing.AllocsPerRun(100, func() {
		r.ResetBytes(data)
		readAll(t, r)
	})
	assert.LessOrEqual(t, n, 0.0)
}

// TestValidateLetsGo: a payload can be collected right after validation.
func TestValidateLetsGo(t *testing.T) {
	for range 3 {
		data := []byte(tx(post(patient), post(tx(post(patient)))))
		p := weak.Make(&data[0])
		rep := must(ValidateBytes(data, &Options{Types: []string{}}))
		data = nil
		runtime.GC()
		assert.Nil(t, p.Value())
		runtime.KeepAlive(rep)
	}
}

// TestConcurrent: concurrent readers with the same options get the same results. Run it
// with the race detector.
func TestConcurrent(t *testing.T) {
	opts := &Options{Level: LevelStrict, Severities: map[string]Severity{"bdl-7": SeverityWarning}, Types: []string{"transaction", "batch", "message"}}
	docs := resetDocs(t)
	want, notJSON := make([]*Report, len(docs)), make([]error, len(docs))
	for i, doc := range docs {
		want[i], notJSON[i] = must(ValidateBytes(doc, opts)), CheckJSON(doc, opts)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := range docs {
				i := (n + g) % len(docs) // the same one at some times, and others at others
				assert.Equal(t, want[i], must(ValidateBytes(docs[i], opts)))
				got, err := Validate(bytes.NewReader(docs[i]), opts)
				assert.NoError(t, err)
				assert.Equal(t, want[i], got)
				assert.Equal(t, notJSON[i], CheckJSON(docs[i], opts))
			}
		})
	}
	wg.Wait()
}
