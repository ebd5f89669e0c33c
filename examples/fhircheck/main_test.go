package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/proctest"
)

var binary string

func TestMain(m *testing.M) { proctest.Main(m, &binary) }

const (
	good    = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"a"},"fullUrl":"https://a.b/Patient/a"}]}`
	single  = `{"resourceType":"Patient","id":"a"}`
	warned  = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"a","x":null},"fullUrl":"https://a.b/Patient/a"}]}`
	wrong   = `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"p"}}]}`
	another = `{"resourceType":"Patient","id":"b"}`
	twoGood = single + "\n" + another + "\n"
	oneBad  = single + "\nnot JSON\n" + another + "\n"
)

func noEnv(string) (string, bool) { return "", false }

// checked calls run with arguments in the current folder.
func checked(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, noEnv, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// folder makes a temporary folder with files the working folder.
func folder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		write(t, name, content)
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
}

// zipped returns content as one gzip member.
func zipped(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

// The program's exit codes are those of its help.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	in := t.TempDir()
	for name, content := range map[string]string{
		"good.json": good, "warned.json": warned, "wrong.json": wrong,
		"patient.json": "{\n\"resourceType\": \"Patient\",\n\"id\": \"a\"\n}\n",
		"good.ndjson":  twoGood, "bad.ndjson": oneBad, "cut.json.gz": zipped(t, good)[:20],
	} {
		write(t, filepath.Join(in, name), content)
	}
	for _, c := range []struct {
		args  string
		stdin string
		code  int
	}{
		{args: "good.json good.ndjson"},
		{args: "warned.json"},
		{args: "-strict warned.json", code: 1},
		{args: "wrong.json", code: 1},
		{args: "bad.ndjson", code: 1},
		{args: "-max-issues 1 bad.ndjson", code: 1},
		{args: "-types batch good.json", code: 1},
		{args: "wrong.json missing.json", code: 2},
		{args: "cut.json.gz good.json", code: 2},
		{args: "-", stdin: good},
		{args: "-", stdin: oneBad, code: 1},
		{args: "", code: 2},
		{args: "-version R6 good.json", code: 2},
		{args: "-nonsense good.json", code: 2},
		{args: "-rules"},
		{args: "-version"},
		{args: "patient.json"},
		{args: "-format bundle patient.json", code: 1},
		{args: "-format resource good.json"},
		{args: "-help"},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(c.args)
			for i, arg := range args {
				if strings.Contains(arg, ".") {
					args[i] = filepath.Join(in, arg)
				}
			}
			p := proctest.StartReading(t, binary, strings.NewReader(c.stdin), args...)
			require.Equal(t, c.code, p.Exit(t, time.Minute), p.Stderr.String())
		})
	}
}

// No output form contains anything of a payload.
func TestPrivacy(t *testing.T) {
	const canary = "canary 4711"
	odd := `{"resourceType":"Bundle","type":"` + canary + `","` + canary + `":null,"entry":[{"fullUrl":"http://x/Patient/` + canary + `","resource":{"resourceType":"` + canary + `","id":"` + canary + `","` + canary + `":[]}}]}`
	folder(t, map[string]string{"a.json": odd, "b.ndjson": odd + "\n\"" + canary + "\"\n" + canary + "\n", "c.json": odd[:len(odd)-5], "d": "<" + canary})
	for _, form := range []string{"text", "outcome", "sarif"} {
		for _, format := range []string{"auto", "bundle", "ndjson"} {
			_, out, errs := checked("", "-o", form, "-format", format, "a.json", "b.ndjson", "c.json", "d")
			require.Contains(t, out, "fhir-json-null")
			require.NotContains(t, out+errs, "4711")
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestFindingsThatCannotBeWritten(t *testing.T) {
	folder(t, map[string]string{"warned.json": warned})
	for _, form := range []string{"text", "outcome", "sarif"} {
		var errs bytes.Buffer
		require.Equal(t, exitFailed, run([]string{"-o", form, "warned.json"}, noEnv, nil, brokenWriter{}, &errs))
		require.Contains(t, errs.String(), "fhircheck: writing the findings: ")
	}
}
