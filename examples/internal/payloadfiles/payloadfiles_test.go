package payloadfiles

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// folder makes a temporary folder with files the working folder.
func folder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	}
}

// find returns the files that the arguments name, and those skipped.
func find(t *testing.T, args ...string) (l *List, files, skipped []string) {
	t.Helper()
	l, err := Find(args, strings.NewReader(""))
	require.NoError(t, err)
	for _, f := range l.Files {
		files = append(files, filepath.ToSlash(f.Name))
	}
	for _, name := range l.Skipped {
		skipped = append(skipped, filepath.ToSlash(name))
	}
	return l, files, skipped
}

func TestFolders(t *testing.T) {
	folder(t, map[string]string{
		"in/b.json": "1", "in/a/deep.NDJSON": "12", "in/a/c.jsonl.gz": "123", "in/z.json.gz": "1234",
		"in/notes.txt": "no", "in/archive.gz": "no", "in/jsonl": "no", "other.dat": "12345",
	})
	l, files, skipped := find(t, "in", "other.dat")
	require.Equal(t, []string{"in/a/c.jsonl.gz", "in/a/deep.NDJSON", "in/b.json", "in/z.json.gz", "other.dat"}, files)
	require.Equal(t, []string{"in/archive.gz", "in/jsonl", "in/notes.txt"}, skipped)
	require.EqualValues(t, 15, l.Size())

	l, files, _ = find(t, "other.dat", "-")
	require.Equal(t, []string{"other.dat", "stdin"}, files)
	require.EqualValues(t, -1, l.Size())
}

func TestLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: links need a privilege on Windows")
	}
	folder(t, map[string]string{"in/a.json": "", "there/b.json": "", "c.txt": ""})
	require.NoError(t, os.Symlink("../there", "in/folder.json"))
	require.NoError(t, os.Symlink("../c.txt", "in/file.json"))
	require.NoError(t, os.Symlink("in", "link"))
	_, files, skipped := find(t, "link")
	require.Equal(t, []string{"link/a.json", "link/file.json"}, files, "a link to a folder is not followed, unless it is named")
	require.Equal(t, []string{"link/folder.json"}, skipped)

	require.NoError(t, os.Symlink("nowhere", "in/dead.json"))
	l, files, _ := find(t, "in")
	require.Equal(t, []string{"in/a.json", "in/dead.json", "in/file.json"}, files)
	_, err := l.Files[1].Open(io.Discard)
	require.ErrorContains(t, err, "no such file")
}
