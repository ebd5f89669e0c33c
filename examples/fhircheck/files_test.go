package main

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSkippedFiles(t *testing.T) {
	folder(t, map[string]string{"in/b.json": good, "in/a/deep.NDJSON": "", "in/notes.txt": "no", "in/archive.gz": "no"})
	_, _, errs := checked("", "in")
	require.Contains(t, errs, "2 files checked, 2 skipped for their names, ")
	require.NotContains(t, errs, "notes.txt")
	_, _, errs = checked("", "-v", "in")
	for _, name := range []string{"archive.gz", "notes.txt"} {
		require.Contains(t, errs, "fhircheck: "+filepath.Join("in", name)+": skipped\n")
	}
}

func TestUnreadableFiles(t *testing.T) {
	folder(t, map[string]string{"wrong.json": wrong, "empty/notes.txt": ""})
	code, out, errs := checked("", "missing.json", "empty", "wrong.json")
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "wrong.json:1:1: error bundle-type", "the others are checked")
	wd, err := os.Getwd()
	require.NoError(t, err)
	require.Contains(t, errs, "fhircheck: missing.json: no such file or folder in "+wd+"\n")
	require.Contains(t, errs, "fhircheck: empty: the folder has no .json, .ndjson or .jsonl files")
	require.Contains(t, errs, "1 file checked, 2 could not be read, 1 skipped")
}

func TestArguments(t *testing.T) {
	folder(t, map[string]string{"good.json": good})
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"good.json", "-strict"}, "fhircheck: -strict: flags go before the files\n"},
		{[]string{"-", "-"}, "fhircheck: - can be given only once\n"},
	} {
		code, _, errs := checked("", c.args...)
		require.Equal(t, exitFailed, code)
		require.Equal(t, c.want, errs)
	}
	code, out, errs := checked("")
	require.Equal(t, exitFailed, code)
	require.Empty(t, out)
	require.Contains(t, errs, "Usage: fhircheck [flags] FILE|FOLDER|- ...")
}

// Control characters in a file's name are not printed.
func TestNamesAreShownSafely(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: Windows has no such names")
	}
	folder(t, map[string]string{"red\x1b[31m.json": wrong, "cut\n.json.gz": zipped(t, good)[:15]})
	_, out, errs := checked("", ".", "no\x07")
	require.NotContains(t, out+errs, "\x1b")
	require.NotContains(t, errs, "\x07")
	require.Contains(t, out, `"red\x1b[31m.json":1:`)
	require.Contains(t, errs, `fhircheck: "cut\n.json.gz": the compressed file`)
}
