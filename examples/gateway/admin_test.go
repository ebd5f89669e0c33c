//go:build unix

package main

import (
	"database/sql"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// The operator's routes are on a separate address if there is one, and are served until
// the end.
func TestAdminAddress(t *testing.T) {
	t.Parallel()
	p, c := gateway(t, t.TempDir(), "-admin-addr", "127.0.0.1:0", "-token", "s3cretToken=demo")
	c.Token = "s3cretToken"
	admin := "http://" + p.Wait(t, `admin=([0-9.:]+)`)[1]
	for path, want := range map[string]string{
		"/healthz": `"ok"`, "/readyz": `"ready"`, "/metrics": "go_goroutines",
		"/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "goroutine profile", "/debug/pprof/profile?seconds=1": "",
	} {
		status, body := get(t, admin+path)
		require.Equal(t, 200, status, path)
		require.Contains(t, body, want, path)
	}
	for _, url := range []string{
		c.Base + "/readyz", c.Base + "/metrics", c.Base + "/debug/pprof/", c.Base + "/debug/pprof/heap",
		admin + "/debug/pprof/cmdline", admin + "/v1/ingestion/jobs", admin + "/",
	} {
		status, body := get(t, url)
		require.Equal(t, 404, status, url)
		require.NotContains(t, body, "s3cretToken")
	}
	status, _ := get(t, c.Base+"/healthz")
	require.Equal(t, 200, status)
	resp, err := http.Post(admin+"/metrics", "text/plain", strings.NewReader("x"))
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 405, resp.StatusCode)

	rest := slowBundle(t, c)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.Wait(t, `msg="draining`)
	status, body := get(t, admin+"/readyz")
	require.Equal(t, 503, status)
	require.Contains(t, body, "draining")
	status, _ = get(t, admin+"/metrics")
	require.Equal(t, 200, status)
	_, err = rest()
	require.NoError(t, err)
	require.Zero(t, p.Exit(t, 20*time.Second))
}

func TestNoProfilesWithoutAdminAddress(t *testing.T) {
	t.Parallel()
	_, c := gateway(t, t.TempDir())
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/goroutine?debug=2", "/debug/pprof/cmdline"} {
		status, _ := get(t, c.Base+path)
		require.Equal(t, 404, status, path)
	}
}

// becomesReady waits until /readyz returns status and words. A result of /readyz is cached
// for a second.
func becomesReady(t *testing.T, base string, status int, words ...string) {
	t.Helper()
	require.Eventually(t, func() bool {
		resp, err := http.Get(base + "/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		text := make([]byte, 1000)
		n, _ := resp.Body.Read(text)
		for _, word := range words {
			if !strings.Contains(string(text[:n]), `"`+word+`"`) {
				return false
			}
		}
		return resp.StatusCode == status
	}, 20*time.Second, 100*time.Millisecond, "%d %v", status, words)
}

// A probe that only reads would send traffic to a process that can't accept it.
func TestReadyChecksWriting(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p, c := gateway(t, data)
	becomesReady(t, c.Base, 200, "ready")
	file := filepath.Join(data, "jobs.sqlite")

	db, err := sql.Open("sqlite", sqljobs.SQLiteDSN(file))
	require.NoError(t, err)
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil) // takes the write lock
	require.NoError(t, err)
	becomesReady(t, c.Base, 503, "not ready", "jobs")
	require.NoError(t, tx.Rollback())
	becomesReady(t, c.Base, 200, "ready")

	require.NoError(t, os.Rename(file, file+".away"))
	becomesReady(t, c.Base, 503, "not ready", "jobs")
	require.NoError(t, os.Rename(file+".away", file))
	becomesReady(t, c.Base, 200, "ready")

	blobs := filepath.Join(data, "blobs")
	require.NoError(t, os.Rename(blobs, blobs+".away"))
	becomesReady(t, c.Base, 503, "not ready", "bucket")
	require.NoError(t, os.Rename(blobs+".away", blobs))
	becomesReady(t, c.Base, 200, "ready")

	require.Contains(t, p.Stderr.String(), "removed or replaced", "the log says why")
	records, objects := -1, 0
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM fhirdock_jobs").Scan(&records))
	require.Zero(t, records, "no job was created")
	require.NoError(t, filepath.WalkDir(blobs, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir // process locks
		}
		if err == nil && !d.IsDir() {
			objects++
		}
		return err
	}))
	require.Zero(t, objects, "no object was created")
}

// Only its owner can read the data folder, whatever the umask.
func TestDataFolderIsPrivate(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	_, c := gateway(t, data)
	receipt, err := c.PostBundle(t.Context(), bundle("a"), -1)
	require.NoError(t, err)
	require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)
	n := 0
	require.NoError(t, filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // a temporary file
		}
		require.NoError(t, err)
		if info, err := d.Info(); err == nil {
			n++
			require.Zero(t, info.Mode().Perm()&0o077, "%s %s", path, info.Mode())
		}
		return nil
	}))
	require.Greater(t, n, 5)
}

func TestDevelopmentTokensCauseAWarning(t *testing.T) {
	t.Parallel()
	const warning = "the tokens are for development"
	p, _ := gateway(t, t.TempDir())
	require.Contains(t, p.Stderr.String(), warning)
	tokens := filepath.Join(t.TempDir(), "tokens")
	require.NoError(t, os.WriteFile(tokens, []byte(strong+"=clinic\n"), 0o600))
	p, _ = gateway(t, t.TempDir(), "-token-file", tokens)
	require.NotContains(t, p.Stderr.String(), warning)
}
