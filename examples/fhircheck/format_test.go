package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

func TestFormatOf(t *testing.T) {
	for name, want := range map[string]fhirbundle.Format{
		"a.json": fhirbundle.FormatBundle, "A.JSON.GZ": fhirbundle.FormatBundle, "x/a.ndjson": fhirbundle.FormatNDJSON, "a.jsonl": fhirbundle.FormatNDJSON,
		"a.JSONL.gz": fhirbundle.FormatNDJSON, "a.gz": "", "json": "", "a.json.txt": "", "a.json/b": "", "-": "",
	} {
		got, ok := formatOf(name)
		require.Equal(t, want, got, name)
		require.Equal(t, want != "", ok, name)
	}
}

func TestSniff(t *testing.T) {
	indented := "{\n\"resourceType\": \"Bundle\"\n}\n"
	for content, want := range map[string]fhirbundle.Format{
		"":                         fhirbundle.FormatBundle,
		good:                       fhirbundle.FormatBundle,
		good + "\n":                fhirbundle.FormatBundle,
		indented:                   fhirbundle.FormatBundle,
		indented + indented:        fhirbundle.FormatBundle,
		single + "\nnonsense":      fhirbundle.FormatResource,
		single:                     fhirbundle.FormatResource,
		bom + "\n" + single + "\n": fhirbundle.FormatResource,
		"{\n\"text\": {\"a\": [1, {}]},\n\"resourceType\": \"Patient\"\n}": fhirbundle.FormatResource,
		`{"contained":[` + single + `]}`:                                   fhirbundle.FormatBundle,
		`{"id":"a","resourceType":`:                                        fhirbundle.FormatBundle,
		"nonsense\n" + single:                                              fhirbundle.FormatBundle,
		twoGood:                                                            fhirbundle.FormatNDJSON,
		oneBad:                                                             fhirbundle.FormatNDJSON,
		single + "\nnonsense\n {":                                          fhirbundle.FormatNDJSON,
		single + "\r\n" + single:                                           fhirbundle.FormatNDJSON,
		bom + "\n" + single + "\n\n {":                                     fhirbundle.FormatNDJSON,
		`{"a":1,"a":2}` + "\n" + single:                                    fhirbundle.FormatNDJSON,
		"[1]\n{}":                                                          fhirbundle.FormatBundle,
	} {
		require.Equal(t, want, sniff([]byte(content)), content)
	}
}

func TestFormats(t *testing.T) {
	folder(t, map[string]string{"lines": oneBad, "bundle": wrong, "lines.json": twoGood, "lines.ndjson": good})
	for _, c := range []struct{ args, stdin, want, hint string }{
		{args: "lines", want: "lines:2:1: error json-syntax"},
		{args: "bundle", want: "bundle:1:1: error bundle-type"},
		{args: "lines.json", want: "lines.json:2:1: error json-syntax", hint: "lines.json: this looks like NDJSON"},
		{args: "-format ndjson lines.json"},
		{args: "lines.ndjson"},
		{args: "-format bundle lines.ndjson"},
		{args: "-format ndjson lines.ndjson"},
		{args: "-", stdin: oneBad, want: "stdin:2:1: error json-syntax"},
		{args: "-", stdin: warned, want: "stdin:1:106: warning fhir-json-null"},
		{args: "-", stdin: zipped(t, warned), want: "stdin:1:106: warning fhir-json-null"},
		{args: "-format ndjson -", stdin: single},
		{args: "-", stdin: "", want: "stdin:1:1: error body-empty"},
	} {
		_, out, errs := checked(c.stdin, strings.Fields(c.args)...)
		if c.want == "" {
			require.Empty(t, out, c.args)
		} else {
			require.True(t, strings.HasPrefix(out, c.want), out)
		}
		require.Contains(t, errs, c.hint)
		require.Equal(t, c.hint != "", strings.Contains(errs, "looks like"), errs)
	}
}

// For other file types the error says what the file looks like.
func TestForeign(t *testing.T) {
	for content, hint := range map[string]string{
		"PK\x03\x04\x14":       "a zip archive",
		"\x28\xb5\x2f\xfd\x00": "zstd",
		"BZh91AY":              "bzip2",
		"\xfd7zXZ\x00":         "xz",
		bom + " <Bundle xmlns='http://hl7.org/fhir'/>": "XML",
		"\xff\xfe{\x00":                    "UTF-16",
		"{\x00}\x00":                       "UTF-16",
		"\x00{\x00}":                       "UTF-16",
		strings.Repeat("n", 257) + "ustar": "a tar archive",
		zipped(t, zipped(t, good)):         "compressed twice",
		"\x01\x02":                         "",
	} {
		code, out, errs := checked(content, "-")
		require.Equal(t, exitErrors, code)
		require.Contains(t, out, ": error json-")
		if hint == "" {
			require.NotContains(t, errs, "looks like")
			continue
		}
		require.Contains(t, errs, "fhircheck: stdin: this looks like ")
		require.Contains(t, errs, hint)
	}
}
