package main

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

// Findings have the line and column that an editor shows.
func TestColumnsOfFindings(t *testing.T) {
	lines := `{"resourceType":"Patient","name":[{"family":"Müßig 😀 日本","text":null}]}` + "\r\n" +
		`{"resourceType":"Patient","x":"é"}` + "\r\n" +
		"\r\n" +
		`  {"resourceType":"Patient","x":"€€","y":[]}` + "\r\n"
	bundle := "\ufeff{\r\n \"resourceType\": \"Bundle\",\r\n \"type\": \"collection\", \"entry\": [\r\n  {\"resource\": {\"resourceType\": \"Patient\", \"a\": \"日本\", \"b\": null}}\r\n ]\r\n}\r\n"
	folder(t, map[string]string{"lines.ndjson": lines, "lines.ndjson.gz": zipped(t, lines), "bundle.json": bundle})
	for _, name := range []string{"lines.ndjson", "lines.ndjson.gz"} {
		_, out, _ := checked("", name)
		require.Contains(t, out, name+":1:65: warning fhir-json-null ")
		require.Contains(t, out, name+":4:42: warning fhir-json-empty-array ")
	}
	_, out, _ := checked("", "bundle.json")
	require.Contains(t, out, "bundle.json:1:1: warning json-bom ")
	require.Contains(t, out, "bundle.json:4:60: warning fhir-json-null ")
}

// Columns of a large stream, which can't be read twice, are unknown.
func TestColumnsOfALargeStream(t *testing.T) {
	large := io.MultiReader(strings.NewReader(strings.Repeat(" ", 32<<20)), strings.NewReader("\n oops"))
	var out, errs bytes.Buffer
	require.Equal(t, exitErrors, run([]string{"-"}, noEnv, large, &out, &errs))
	require.Equal(t, "stdin:2: error json-syntax Invalid JSON: a value was expected, at line 2, byte offset 33554434\n", out.String())
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
		"\ufeff <Bundle xmlns='http://hl7.org/fhir'/>": "XML",
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

// If the file is damaged, invalid JSON in it is not a finding.
func TestDamageIsNotAFinding(t *testing.T) {
	broken := zipped(t, good[:40]+"\x00"+good[41:])
	folder(t, map[string]string{"broken.json.gz": broken, "damaged.json.gz": broken[:len(broken)-8] + "\x00\x00\x00\x00" + broken[len(broken)-4:]})
	code, out, errs := checked("", "broken.json.gz")
	require.Equal(t, exitErrors, code)
	require.Contains(t, out, "broken.json.gz:1:41: error json-nul")
	require.NotContains(t, errs, "corrupt")

	code, out, errs = checked("", "damaged.json.gz")
	require.Equal(t, exitFailed, code)
	require.Empty(t, out)
	require.Contains(t, errs, "corrupt")
}

// Neither the compressed file nor its content nor its lines are held in memory: all
// allocations together are a fraction of the content.
func TestMemory(t *testing.T) {
	var lines strings.Builder
	_, err := fhirgen.New(nil).WriteNDJSON(&lines, 4<<20)
	require.NoError(t, err)
	const members = 16
	// A finding at the end makes the second pass count all columns.
	content := strings.Repeat(zipped(t, lines.String()), members) + zipped(t, `{"resourceType":"Patient","x":null}`+"\n")
	folder(t, map[string]string{"large.ndjson.gz": content})

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	code, out, _ := checked("", "-severity", "ndjson-duplicate=none", "large.ndjson.gz")
	runtime.ReadMemStats(&after)
	require.Zero(t, code)
	require.Contains(t, out, ":31: warning fhir-json-null")
	allocated := after.TotalAlloc - before.TotalAlloc
	require.Less(t, allocated, uint64(members*lines.Len()/10))
	t.Logf("%d kB allocated for %d kB", allocated/1e3, members*lines.Len()/1e3)
}
