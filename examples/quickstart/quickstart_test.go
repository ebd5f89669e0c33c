package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/examples/internal/samples"
)

var binary string

func TestMain(m *testing.M) { proctest.Main(m, &binary) }

var rowPattern = regexp.MustCompile(`(?m)^(\w+) +([0-9.]+ \w+) +([0-9,]+|-) +([0-9,]+|-) +([0-9.]+ \w+/s|-)  (\S+)\n    by (webhook|signed upload)(?:, job ([0-9a-f-]{36}))?\n`)

// row is a row of the table, with the line below it.
type row struct{ status, resources, rejected, source, job string }

// table returns the rows, by payload.
func table(t *testing.T, out string) map[string]row {
	t.Helper()
	rows := map[string]row{}
	for _, m := range rowPattern.FindAllStringSubmatch(out, -1) {
		rows[filepath.Base(m[6])] = row{m[1], m[3], m[4], m[7], m[8]}
	}
	return rows
}

func TestSamples(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p := proctest.Start(t, binary, "-size", "1MB", "-data", folder)
	code := p.Exit(t, time.Minute)
	out := p.Stdout.String()
	require.Zero(t, code, out+p.Stderr.String())
	require.Empty(t, p.Stderr.String())

	rows := table(t, out)
	require.Len(t, rows, 6, out)
	for name, resources := range map[string]string{
		"transaction.json": "300", "batch.json": "120", "collection.json": "500", "message.json": "80",
	} {
		require.Equal(t, row{"completed", resources, "0", "webhook", rows[name].job}, rows[name], name)
	}
	require.Equal(t, row{"refused", "-", "-", "webhook", ""}, rows["invalid.json"])
	file := rows["patients.ndjson"]
	require.Equal(t, "completed by signed upload", file.status+" by "+file.source)
	require.Contains(t, out, "400 Bad Request: Entry 1 missing 'resource' field (as it should be)")
	require.Regexp(t, `(?m)^6 payloads, .* 0 rejected\nin .* resources/s$`, out)
	require.NotContains(t, out, "warning")

	// The printed command works, and shows the largest output.
	try := regexp.MustCompile(`(?m)^  head -n 1 '(.+/(\w+)\.ndjson)'$`).FindStringSubmatch(out)
	require.NotNil(t, try, out)
	raw, err := os.ReadFile(try[1])
	require.NoError(t, err)
	first, _, _ := bytes.Cut(raw, []byte("\n"))
	var resource struct{ ResourceType string }
	require.NoError(t, json.Unmarshal(first, &resource))
	require.Equal(t, try[2], resource.ResourceType)
	require.Contains(t, try[1], file.job)
	// All lines of the file are in the lake.
	lines := 0
	for _, name := range glob(t, filepath.Dir(try[1]), "*.ndjson") {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		lines += bytes.Count(raw, []byte("\n"))
	}
	require.EqualValues(t, samples.NDJSON(1, 1_000_000).Lines, lines)
}

func glob(t *testing.T, folder, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, pattern))
	require.NoError(t, err)
	var seen []string
	for _, name := range names {
		if !strings.HasPrefix(filepath.Base(name), ".") { // attributes
			seen = append(seen, name)
		}
	}
	return seen
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

const (
	good = `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"https://a.b/Patient/a","resource":{"resourceType":"Patient","id":"a"}}]}`
	bad  = `{"resourceType":"Patient","id":"canary"}`
)

func TestOwnFiles(t *testing.T) {
	t.Parallel()
	in := t.TempDir()
	one := write(t, filepath.Join(in, "one.json"), good)
	write(t, filepath.Join(in, "folder", "deep", "two.JSON"), good)
	write(t, filepath.Join(in, "folder", "three.ndjson"), `{"resourceType":"Patient","id":"a"}`+"\nnot JSON\n"+`{"resourceType":"Group","type":"person"}`)
	write(t, filepath.Join(in, "folder", "notes.txt"), "not sent")

	p := proctest.Start(t, binary, "-keep=false", one, filepath.Join(in, "folder"))
	require.Zero(t, p.Exit(t, time.Minute), p.Stdout.String()+p.Stderr.String())
	rows := table(t, p.Stdout.String())
	require.Len(t, rows, 3)
	for name, want := range map[string]string{"one.json": "1 and 0", "two.JSON": "1 and 0", "three.ndjson": "2 and 1"} {
		require.Equal(t, want, rows[name].resources+" and "+rows[name].rejected, name)
	}
	require.Contains(t, p.Stdout.String(), "    Group 1, Patient 1\n")
	require.Contains(t, p.Stdout.String(), "\nleaving out 1 file: only regular .json and .ndjson files are sent\n")
	require.Contains(t, p.Stdout.String(), " 4 resources, 1 rejected\n")
	// -keep=false leaves nothing.
	folder := regexp.MustCompile(`keeps everything in\n  (\S+)`).FindStringSubmatch(p.Stdout.String())
	require.NoDirExists(t, folder[1])
}

func TestRefusedFile(t *testing.T) {
	t.Parallel()
	in := t.TempDir()
	write(t, filepath.Join(in, "good.json"), good)
	write(t, filepath.Join(in, "bad.json"), bad)
	write(t, filepath.Join(in, "empty.ndjson"), "")
	write(t, filepath.Join(in, "nothing.ndjson"), "not JSON\n")
	write(t, filepath.Join(in, "several.json"), `{"resourceType":"Bundle","type":"transaction","entry":[{},{}]}`)
	write(t, filepath.Join(in, "warned.json"), strings.Replace(good, "collection", "transaction", 1))
	p := proctest.Start(t, binary, "-keep=false", in)
	require.Equal(t, 1, p.Exit(t, time.Minute))
	out := p.Stdout.String()
	rows := table(t, out)
	require.Equal(t, "completed", rows["good.json"].status)
	require.Equal(t, "FAILED", rows["bad.json"].status)
	require.Equal(t, "completed", rows["empty.ndjson"].status)
	require.Contains(t, out, "    400 Bad Request: Expected resourceType 'Bundle', got 'Patient'\n")
	require.Contains(t, out, "No line of the file could be taken")
	require.Equal(t, "FAILED", rows["several.json"].status)
	require.Contains(t, out, "Entry 0 missing 'resource' field\n")
	require.Contains(t, out, "    Patient 1 (1 warning, the first: entry.request must be present")
	require.Contains(t, out, "    no resources\n")
	require.NotContains(t, out, "canary")
	require.NotContains(t, out, "leaving out")
	// They are listed at the end, and the reader is pointed to the log.
	_, list, _ := strings.Cut(out, "\n3 payloads FAILED (for internal errors see quickstart.log):\n")
	for _, name := range []string{"bad.json", "nothing.ndjson", "several.json"} {
		require.Contains(t, list, "  "+filepath.Join(in, name)+"\n")
	}
	require.Contains(t, list, "\nquickstart.log is removed with the folder: run without -keep=false to read it.\n")
}

func TestWrongUse(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	wd, err := os.Getwd()
	require.NoError(t, err)
	text := write(t, filepath.Join(t.TempDir(), "notes.txt"), "x")
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no such file":   {[]string{filepath.Join(empty, "none.json")}, 1, "none.json"},
		"relative":       {[]string{"none.json"}, 1, filepath.Join(wd, "none.json")},
		"nothing in it":  {[]string{empty}, 1, "no .json or .ndjson files found"},
		"another ending": {[]string{text}, 1, "only regular .json and .ndjson"},
		"size":           {[]string{"-size", "much"}, 2, "-size"},
		"flag":           {[]string{"-nope"}, 2, "-nope"},
		"folder":         {[]string{"-size", "1MB", "-data", text}, 1, text},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, c.code, run(t.Context(), c.args, noEnv, &out, &errs), name)
		require.Contains(t, errs.String(), c.want, name)
	}
}

func TestHelp(t *testing.T) {
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-help"}, noEnv, &out, &errs))
	for _, part := range []string{"-size SIZE", "-seed", "-data FOLDER", "-keep", "FHIRDOCK_QUICKSTART_SIZE", "[FILE|FOLDER ...]"} {
		require.Contains(t, out.String(), part)
	}
}

func noEnv(string) (string, bool) { return "", false }
