package fhirbundle

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// inUTF16 is text in UTF-16, with or without a byte order mark.
func inUTF16(text string, order binary.AppendByteOrder, mark bool) string {
	var b []byte
	if mark {
		b = order.AppendUint16(b, 0xfeff)
	}
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// inUTF32 likewise.
func inUTF32(text string, order binary.AppendByteOrder, mark bool) string {
	var b []byte
	if mark {
		b = order.AppendUint32(b, 0xfeff)
	}
	for _, c := range text {
		b = order.AppendUint32(b, uint32(c))
	}
	return string(b)
}

// TestForeign: a payload that is not JSON gets one finding that names its format.
func TestForeign(t *testing.T) {
	doc := tx(post(patient))
	for name, c := range map[string]struct{ doc, want string }{
		"gzip":            {"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xab\n\x01", "the payload is gzip, not JSON; send it uncompressed"},
		"zip":             {"PK\x03\x04\x14\x00\x00\x00\n\x08\x00", "the payload is a zip archive, not JSON"},
		"XML":             {`<?xml version="1.0"?><Bundle xmlns="http://hl7.org/fhir"/>`, "the payload is XML or HTML, not JSON"},
		"XML after space": {"\n \r\n  <Bundle\n xmlns=\"http://hl7.org/fhir\"/>", "the payload is XML or HTML, not JSON"},
		"XML with a mark": {"\xef\xbb\xbf<Bundle/>", "the payload is XML or HTML, not JSON"},
		"UTF-16LE":        {inUTF16(doc, binary.LittleEndian, true), "the payload is UTF-16 or UTF-32; send JSON in UTF-8"},
		"UTF-16BE":        {inUTF16(doc, binary.BigEndian, true), "the payload is UTF-16 or UTF-32"},
		"UTF-16LE, bare":  {inUTF16(doc, binary.LittleEndian, false), "the payload is UTF-16 or UTF-32"},
		"UTF-16BE, bare":  {inUTF16(doc, binary.BigEndian, false), "the payload is UTF-16 or UTF-32"},
		"UTF-32LE":        {inUTF32(doc, binary.LittleEndian, true), "the payload is UTF-16 or UTF-32"},
		"UTF-32BE":        {inUTF32(doc, binary.BigEndian, true), "the payload is UTF-16 or UTF-32"},
		"UTF-32LE, bare":  {inUTF32(doc, binary.LittleEndian, false), "the payload is UTF-16 or UTF-32"},
		"UTF-32BE, bare":  {inUTF32(doc, binary.BigEndian, false), "the payload is UTF-16 or UTF-32"},
	} {
		for _, format := range []Format{FormatBundle, FormatNDJSON, FormatResource} {
			for _, level := range []Level{LevelLenient, LevelStrict, LevelBasic} {
				got := eachStep(t, c.doc, &Options{Format: format, Level: level})
				var all []string
				for _, is := range got.Report.Issues {
					if is.Code != "json-bom" {
						all = append(all, is.Code)
						assert.Nil(t, is.Entry)
					}
				}
				require.Equal(t, []string{"json-syntax"}, all, "%s as %s", name, format)
				err := got.Report.Err()
				require.ErrorIs(t, err, ErrInvalid)
				assert.ErrorContains(t, err, "Invalid JSON: "+c.want, "%s as %s", name, format)
				assert.ErrorContains(t, err, "byte offset")
				assert.Equal(t, err.Error(), got.Err)
				assert.Empty(t, got.Entries)
			}
		}
	}
	for _, doc := range []string{"", "\x1f", "P", "PK", "{}", "1", "\xff", "\x00", "\x00\x00\x00\x00", " \x00{", "\x00{}\x00"} {
		if !strings.HasPrefix(doc, "\x1f\x8b") {
			assert.Equal(t, scan.OK, foreign([]byte(doc)), "%q", doc)
		}
	}
}

// TestNotLines: a document over several lines, given as NDJSON, gets one finding.
func TestNotLines(t *testing.T) {
	for name, doc := range map[string]string{
		"indented":              "{\n  \"resourceType\": \"Patient\",\n  \"id\": \"p\"\n}\n",
		"with CRLF":             "{\r\n  \"resourceType\": \"Patient\"\r\n}\r\n",
		"after blank lines":     "\n \n{\n  \"resourceType\": \"Patient\"\n}",
		"after a mark":          "\xef\xbb\xbf{\n  \"resourceType\": \"Patient\"\n}",
		"with members before":   "{ \"resourceType\": \"Patient\",\n  \"name\": [ {\n \"family\": \"x\" } ] }\n",
		"the value elsewhere":   "{\"resourceType\":\n\"Patient\"}\n",
		"commas first":          "{ \"resourceType\": \"Patient\"\n, \"id\": \"p\"\n}\n",
		"blank lines in it":     "{\n\n\n  \"resourceType\": \"Patient\"\n\n}\n",
		"a resource inside":     "{\"resourceType\":\"Bundle\",\"entry\":[\n" + patient + "\n]}",
		"an array":              "[\n" + patient + ",\n" + patient + "\n]\n",
		"an array of one":       "[\n" + patient + "\n]\n",
		"an array, open":        "[" + patient + ",\n" + patient + "]",
		"two, one after other":  "{\n\"resourceType\": \"Patient\"\n}\n{\n\"resourceType\": \"Patient\"\n}\n",
		"cut":                   "{\n  \"resourceType\": \"Patient\",\n  \"id\"",
		"broken later":          "{\n  \"resourceType\": \"Patient\",\n  \"id\": x\n}",
		"longer than is looked": "{\n  \"resourceType\": \"Patient\",\n" + strings.Repeat("  \"a\": [\n", 1) + strings.Repeat("    {\"b\": 1},\n", 10_000) + "{}]}",
	} {
		got := eachStep(t, doc, &Options{Format: FormatNDJSON})
		var all []string
		for _, is := range got.Report.Issues {
			if is.Code != "json-bom" {
				all = append(all, is.Code)
				assert.Nil(t, is.Entry, name)
			}
		}
		require.Equal(t, []string{"ndjson-lines"}, all, name)
		assert.ErrorContains(t, got.Report.Err(), "one JSON document over several lines, not NDJSON", name)
		assert.Equal(t, got.Report.Err().Error(), got.Err, name)
		assert.Empty(t, got.Entries, name)
		assert.Zero(t, got.Report.Resources, name)
	}
	cause := &InvalidError{}
	r := must(NewReader(&chunks{data: []byte("{\n\"a\":1,\n"), err: cause}, &Options{Format: FormatNDJSON}))
	_, err := r.Next()
	assert.ErrorIs(t, err, cause)
}

// TestBrokenFirstLine: a first line that is broken or truncated does not stop the
// others.
func TestBrokenFirstLine(t *testing.T) {
	for _, first := range []string{
		`{`, `[`, `{"resourceType":"Patient",`, `{"resourceType":"Patient","id":"a`, `{"resourceType":"Patient","id":`, `{"resourceType":"Patient","name":[`,
		`{"resourceType":"Patient","name":[{"family":"a"},`, `{"a":[{`, `[` + patient + `,`, `{"a" 1`, `[1`, `{"a":tru`, `{"a":1}}`, `nonsense`, `"x"`, `[]`, `[` + patient + `]`,
	} {
		for _, end := range []string{"\n", "\r\n"} {
			got := eachStep(t, first+end+patient+end+patient+end+strings.Repeat(" ", 300), &Options{Format: FormatNDJSON})
			assert.Equal(t, "EOF", got.Err, "%q", first)
			assert.NoError(t, got.Report.Err(), "%q", first)
			assert.Equal(t, int64(1), got.Report.Rejected, "%q", first)
			assert.Equal(t, int64(2), got.Report.Resources, "%q", first)
		}
	}
	// Nor do several, where one can be read as a part of the one before.
	for _, lines := range [][]string{
		{`{"a":`, `{"a":`}, {`{"a":`, `{"a":`, `{"a":[`, `{"a":`}, {`{"a":`, `{"b":"x`}, {`{"a":[`, `{"a":{"b":1,`}, {`{"a":`, `{"a":`, `[`},
	} {
		doc := strings.Join(lines, "\n") + "\n" + patient + "\n" + patient
		got := eachStep(t, doc, &Options{Format: FormatNDJSON})
		assert.NoError(t, got.Report.Err(), "%q", lines)
		assert.Equal(t, int64(len(lines)), got.Report.Rejected, "%q", lines)
		assert.Equal(t, int64(2), got.Report.Resources, "%q", lines)
	}
	// Nor where the next one is longer than is looked at.
	long := `{"resourceType":"Basic","id":"` + strings.Repeat("x", aheadOfLines) + `"}`
	rep := must(ValidateBytes([]byte(`{"a":`+"\n"+long+"\n"+patient), &Options{Format: FormatNDJSON}))
	assert.NoError(t, rep.Err())
	assert.Equal(t, int64(2), rep.Resources)
	got := eachStep(t, `[`+patient+`,`+patient+`]`+"\n", &Options{Format: FormatNDJSON})
	require.Len(t, got.Report.Issues, 1)
	assert.Equal(t, "The line is a JSON array, not an object; each line holds one resource", got.Report.Issues[0].Message)
}

// TestMarksInLines: files that start with a byte order mark can be concatenated.
func TestMarksInLines(t *testing.T) {
	mark := string(bom)
	doc := mark + patient + "\n" + mark + patient + "\r\n" + mark + "\n" + patient + "\n" + mark + " " + patient
	got := eachStep(t, doc, &Options{Format: FormatNDJSON, Level: LevelStrict})
	require.NoError(t, got.Report.Err())
	assert.Equal(t, int64(4), got.Report.Resources)
	assert.Equal(t, int64(1), got.Report.BlankLines)
	var at []int64
	for _, is := range got.Report.Issues {
		if is.Code == "json-bom" {
			at = append(at, is.Line, is.Offset)
			assert.Equal(t, SeverityWarning, is.Severity)
		}
	}
	assert.Equal(t, []int64{1, 0, 2, 40, 3, 81, 5, 122}, at)
	for i, e := range got.Entries {
		assert.Equal(t, patient, string(e.Resource), i)
		assert.Equal(t, patient, doc[e.ResourceOffset:][:len(patient)], i)
	}
	// Also where reading goes on.
	for i, p := range got.Positions[:3] {
		r := must(ResumeReader(iotest.OneByteReader(strings.NewReader(doc[p.Offset:])), p, &Options{Format: FormatNDJSON}))
		rest := look(r)
		require.Len(t, rest.Entries, 3-i)
		assert.Equal(t, got.Entries[i+1].ResourceOffset, rest.Entries[0].ResourceOffset)
		assert.Zero(t, rest.Report.Rejected)
	}
	// A mark elsewhere is none.
	rep := must(ValidateBytes([]byte(patient+"\n "+mark+patient+"\n"+patient+mark), &Options{Format: FormatNDJSON}))
	assert.Equal(t, int64(2), rep.Rejected)
	// The program can refuse them.
	rep = must(ValidateBytes([]byte(patient+"\n"+mark+patient+"\n"), &Options{Format: FormatNDJSON, Severities: map[string]Severity{"json-bom": SeverityError}}))
	assert.Equal(t, int64(1), rep.Rejected)
	assert.NoError(t, rep.Err())
}

// TestLongStrings: a string may be as long as its entry, unless a limit is set.
func TestLongStrings(t *testing.T) {
	doc := []byte(tx(post(`{"resourceType":"Basic","x":"` + strings.Repeat("x", 40<<20) + `"}`)))
	assert.NoError(t, must(ValidateBytes(doc, nil)).Err())
	assert.Equal(t, "json-entry-length", must(ValidateBytes(doc, &Options{MaxEntryBytes: 1 << 20})).Issues[0].Code)
	assert.Equal(t, "json-string-length", must(ValidateBytes(doc, &Options{MaxStringBytes: 1 << 20})).Issues[0].Code)
	assert.NoError(t, must(Validate(bytes.NewReader(doc), &Options{MaxEntryBytes: 41 << 20})).Err())
}
