package dirblob

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore/dirblob/alive"
)

// uploader makes the test binary start an upload into a folder without finishing it.
const uploader = "FHIRDOCK_DIRBLOB_UPLOAD"

func TestMain(m *testing.M) {
	dir := os.Getenv(uploader)
	if dir == "" {
		os.Exit(m.Run())
	}
	bucket, err := OpenBucket(dir, nil)
	if err == nil {
		var w *blob.Writer
		if w, err = bucket.NewWriter(context.Background(), "incoming/org/half.ndjson", asText); err == nil {
			_, err = w.Write(make([]byte, 1<<20))
		}
	}
	fmt.Println("begun", err)
	_, _ = os.Stdin.Read(make([]byte, 1)) // at the latest until the test ends
}

// temps returns the temporary files below a folder.
func temps(t *testing.T, dir string) (names []string) {
	t.Helper()
	for _, name := range files(t, dir) {
		if strings.HasPrefix(filepath.Base(name), tempPrefix) {
			names = append(names, name)
		}
	}
	return names
}

// Opening the bucket removes the temporary files of a killed process, but not those of a
// live one.
func TestOpenCollectsFilesOfKilledProcess(t *testing.T) {
	dir := t.TempDir()
	start := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), uploader+"="+dir)
		stdin, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { stdin.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "begun <nil>\n", line)
		return cmd
	}
	killed := start()
	held, err := alive.Names(filepath.Join(dir, locksFolder))
	require.NoError(t, err)
	if len(held) == 0 {
		skipWithoutLocks(t)
	}
	left := temps(t, dir)
	require.Len(t, left, 1)
	require.NoError(t, killed.Process.Kill())
	_ = killed.Wait()
	start() // tidies up too
	require.Eventually(t, func() bool { return len(temps(t, dir)) == 1 }, 10*time.Second, 10*time.Millisecond)
	b, err := open(dir, nil)
	require.NoError(t, err)
	b.tidyAll(t.Context(), time.Now())
	now := temps(t, dir)
	require.Len(t, now, 1, "the live process's file is kept")
	require.NotEqual(t, left, now)
	names, err := alive.Names(b.locks())
	require.NoError(t, err)
	require.Len(t, names, 2, "the dead process's lock is removed")
	require.NoError(t, b.Close())
}

// A dead process's lock is kept until all folders were tidied.
func TestLockIsKeptUntilAllIsTidied(t *testing.T) {
	_, b := opened(t)
	b.stop()
	<-b.tidied // so that it does not tidy the following files
	const dead = "AAAAAAAAAAAAAAAAAAAAAAAAAA"
	lock := filepath.Join(b.locks(), dead+".lock")
	require.NoError(t, os.WriteFile(lock, nil, 0o600))
	temp := filepath.Join(b.dir, "org", tempPrefix+dead+"-1")
	require.NoError(t, os.Mkdir(filepath.Dir(temp), 0o700))
	require.NoError(t, os.WriteFile(temp, nil, 0o600))
	if !b.dead()[dead] {
		skipWithoutLocks(t)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.tidyAll(ctx, time.Now())
	require.FileExists(t, temp)
	require.FileExists(t, lock)
	b.tidyAll(t.Context(), time.Now())
	require.NoFileExists(t, temp)
	require.NoFileExists(t, lock)
	require.NoDirExists(t, filepath.Dir(temp))
}

// skipWithoutLocks skips a test on a file system whose locks prove nothing, or fails it if
// everything must be tested.
func skipWithoutLocks(t *testing.T) {
	t.Helper()
	const why = "locks on the file system of the temporary folder prove nothing; see package alive"
	if os.Getenv("FHIRDOCK_TEST_ALL") == "1" {
		t.Fatal(why)
	}
	t.Skip("SKIPPED: " + why)
}
