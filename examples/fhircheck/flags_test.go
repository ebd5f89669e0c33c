package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

var update = flag.Bool("update", false, "write testdata/help.txt anew")

func TestHelp(t *testing.T) {
	code, out, errs := checked("", "--help")
	require.Zero(t, code)
	require.Empty(t, errs)
	if *update {
		require.NoError(t, os.WriteFile("testdata/help.txt", []byte(out), 0o600))
	}
	want, err := os.ReadFile("testdata/help.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), out)

	set, _ := flags()
	set.VisitAll(func(f *flag.Flag) { require.Contains(t, out, "\n  -"+f.Name) })
	for line := range strings.Lines(out) {
		require.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), 110, line)
	}
}

func parsed(args ...string) (*config, error) {
	set, checked := flags()
	if err := set.Parse(args, noEnv); err != nil {
		return nil, err
	}
	return checked()
}

func TestDefaults(t *testing.T) {
	c, err := parsed()
	require.NoError(t, err)
	require.Equal(t, &config{output: "text", options: fhirbundle.Options{
		Version: fhirbundle.R4, MaxIssues: 100, Severities: map[string]fhirbundle.Severity{},
	}}, c)
}

func TestRightFlags(t *testing.T) {
	c, err := parsed("-strict", "-version", "r4b", "-types", "batch, transaction", "-types=message", "-severity", "bdl-3=error",
		"-severity=fu-id=None", "-format", "ndjson", "-o", "sarif", "-max-issues", "7", "-q", "-rules")
	require.NoError(t, err)
	require.Equal(t, &config{output: "sarif", quiet: true, rules: true, format: fhirbundle.FormatNDJSON, options: fhirbundle.Options{
		Level: fhirbundle.LevelStrict, Version: fhirbundle.R4B, Types: []string{"batch", "transaction", "message"}, MaxIssues: 7,
		Severities: map[string]fhirbundle.Severity{"bdl-3": fhirbundle.SeverityError, "fu-id": fhirbundle.SeverityNone},
	}}, c)
}

func TestWrongFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-version R6":             "-version must be R4, R4B or R5",
		"-types everything":       `-types: "everything" is not a Bundle type; known are document, message, `,
		"-severity bdl-3":         `-severity: "bdl-3" is not CODE=error, warning, information or none`,
		"-severity bdl-3=fatal":   `-severity: "bdl-3=fatal" is not CODE=error, warning`,
		"-severity bdl-99=error":  `-severity: there is no rule with the code "bdl-99"; fhircheck -rules lists them`,
		"-severity json-dup=none": "-severity: json-dup is always an error",
		"-format xml":             "-format must be auto, bundle, ndjson or resource",
		"-o html":                 "-o must be text, outcome or sarif",
		"-max-issues 0":           "-max-issues must be more than zero",
		"-max-issues 2147483648":  "-max-issues must be at most 2147483647",
		"-max-issues many":        "-max-issues: it must be a whole number",
	} {
		_, err := parsed(strings.Fields(args)...)
		require.ErrorContains(t, err, want, args)
	}
}

// -version changes the findings, and -severity their severity.
func TestVersionAndSeverity(t *testing.T) {
	bundle := `{"resourceType":"Bundle","type":"searchset","total":1,"entry":[{"fullUrl":"urn:uuid:00000000-0000-4000-8000-000000000001","resource":{"resourceType":"Patient"}}]}`
	for _, c := range []struct {
		args, found string
		code        int
	}{
		{"-strict", "", 0},
		{"-strict -version R4B", "", 0},
		{"-strict -version R5", "error bdl-18", 1},
		{"-version R5", "warning bdl-18", 0},
		{"-strict -version R5 -severity bdl-18=information", "information bdl-18", 0},
		{"-version R5 -severity bdl-18=error", "error bdl-18", 1},
		{"-strict -version R5 -severity bdl-18=none", "", 0},
	} {
		code, out, _ := checked(bundle, append(strings.Fields(c.args), "-")...)
		require.Equal(t, c.code, code, c.args)
		if c.found == "" {
			require.Empty(t, out, c.args)
			continue
		}
		require.Contains(t, out, c.found, c.args)
	}
}

// All types that FHIR defines are accepted unless -types says otherwise.
func TestTypes(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, typ := range bundleTypes {
		content := strings.Replace(good, "collection", typ, 1)
		_, out, _ := checked(content, "-version", "R5", "-")
		require.NotContains(t, out, "bundle-type", typ)
		_, out, _ = checked(content, "-types", typ, "-")
		require.NotContains(t, out, "bundle-type", typ)
		if typ != "batch" {
			_, out, _ = checked(content, "-types", "batch", "-")
			require.Contains(t, out, "error bundle-type", typ)
		}
	}
	_, out, _ := checked(strings.Replace(good, "collection", "other", 1), "-")
	require.Contains(t, out, "error bundle-type")
}

func TestRules(t *testing.T) {
	code, out, errs := checked("", "-rules")
	require.Zero(t, code)
	require.Empty(t, errs)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	rules := fhirbundle.Rules()
	require.Len(t, lines, len(rules)+1)
	for i, r := range rules {
		fields := strings.Fields(lines[i+1])
		require.Equal(t, []string{r.Code, string(r.Severity(fhirbundle.LevelLenient)), string(r.Severity(fhirbundle.LevelStrict))}, fields[:3])
		require.Equal(t, r.Spec, fields[len(fields)-1])
		require.Contains(t, lines[i+1], r.Message)
	}
}

func TestVariables(t *testing.T) {
	folder(t, map[string]string{"warned.json": warned})
	var out, errs bytes.Buffer
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"FHIRDOCK_FHIRCHECK_STRICT": "true"}[name]
		return value, ok
	}
	require.Equal(t, exitErrors, run([]string{"warned.json"}, env, nil, &out, &errs))
}
