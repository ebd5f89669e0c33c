package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// names returns the files with printed findings.
func names(out string) []string {
	var all []string
	for line := range strings.Lines(out) {
		name, _, _ := strings.Cut(line, ":")
		all = append(all, filepath.ToSlash(name))
	}
	return all
}

func TestFolders(t *testing.T) {
	folder(t, map[string]string{
		"in/b.json": wrong, "in/a/deep.NDJSON": "oops\n", "in/a/c.jsonl.gz": zipped(t, "oops\n"), "in/z.json.gz": zipped(t, wrong),
		"in/notes.txt": "no", "in/archive.gz": "no", "in/jsonl": "no", "other.dat": wrong,
	})
	code, out, errs := checked("", "in", "other.dat")
	require.Equal(t, exitErrors, code)
	require.Equal(t, []string{"in/a/c.jsonl.gz", "in/a/deep.NDJSON", "in/b.json", "in/z.json.gz", "other.dat"}, names(out))
	require.Contains(t, errs, "5 files checked, 3 skipped for their names, ")
	require.NotContains(t, errs, "notes.txt")

	_, _, errs = checked("", "-v", "in", "other.dat")
	for _, name := range []string{"archive.gz", "jsonl", "notes.txt"} {
		require.Contains(t, errs, "fhircheck: "+filepath.Join("in", name)+": skipped\n")
	}
}

func TestLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: links need a privilege on Windows")
	}
	folder(t, map[string]string{"in/a.json": wrong, "there/b.json": wrong, "c.txt": wrong})
	require.NoError(t, os.Symlink("../there", "in/folder.json"))
	require.NoError(t, os.Symlink("../c.txt", "in/file.json"))
	require.NoError(t, os.Symlink("in", "link"))
	code, out, errs := checked("", "link")
	require.Equal(t, exitErrors, code)
	require.Equal(t, []string{"link/a.json", "link/file.json"}, names(out), "a link to a folder is not followed, unless it is named")
	require.Contains(t, errs, "1 skipped")

	require.NoError(t, os.Symlink("nowhere", "in/dead.json"))
	code, _, errs = checked("", "in")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "in/dead.json: no such file")
}

func TestUnreadableFiles(t *testing.T) {
	folder(t, map[string]string{"wrong.json": wrong, "empty/notes.txt": ""})
	code, out, errs := checked("", "missing.json", "empty", "wrong.json")
	require.Equal(t, exitFailed, code)
	require.Equal(t, []string{"wrong.json"}, names(out), "the others are checked")
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
