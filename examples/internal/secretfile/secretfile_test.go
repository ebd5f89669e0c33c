package secretfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/secretfile"
)

func write(t *testing.T, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

func TestLines(t *testing.T) {
	lines, err := secretfile.Lines(write(t, "# two\n\n one=a \r\ntwo=b", 0o400))
	require.NoError(t, err)
	require.Equal(t, []string{"one=a", "two=b"}, lines)

	_, err = secretfile.Lines(write(t, "# none\n\n", 0o600))
	require.ErrorContains(t, err, "is empty")
	_, err = secretfile.Lines(write(t, strings.Repeat("x", 2<<20), 0o600))
	require.ErrorContains(t, err, "is larger than")
	_, err = secretfile.Lines(t.TempDir())
	require.ErrorContains(t, err, "not a regular file")
	_, err = secretfile.Lines(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestFilesOfOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: Windows has no such permissions")
	}
	for _, mode := range []fs.FileMode{0o400, 0o600, 0o640, 0o440} { // the last is Kubernetes's with fsGroup
		_, err := secretfile.Lines(write(t, "one=a", mode))
		require.NoError(t, err, mode)
	}
	for _, mode := range []fs.FileMode{0o644, 0o604, 0o444, 0o602, 0o660, 0o620} {
		_, err := secretfile.Lines(write(t, "s3cret=a", mode))
		require.ErrorContains(t, err, "chmod 600", mode)
		require.NotContains(t, err.Error(), "s3cret")
		link := filepath.Join(t.TempDir(), "link")
		require.NoError(t, os.Symlink(write(t, "s3cret=a", mode), link))
		_, err = secretfile.Lines(link)
		require.ErrorContains(t, err, "chmod 600", mode)
	}
}

func TestCheck(t *testing.T) {
	for secret, want := range map[string]string{
		"":                                       "fewer than 16",
		"dev":                                    "fewer than 16",
		"0c86b5efd2a1973":                        "fewer than 16",
		strings.Repeat("a", 64):                  "repeats",
		strings.Repeat("\x00", 32):               "repeats",
		strings.Repeat("abcde", 10):              "repeats",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": "example",
		"please-changeme-now-12":                 "example",
	} {
		require.ErrorContains(t, secretfile.Check(secret), want)
	}
	for _, secret := range []string{"0c86b5efd2a1973e", "9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"} {
		require.NoError(t, secretfile.Check(secret))
	}
}
