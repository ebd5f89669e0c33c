//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/gatewayflags"
)

// drop moves a file below the adopted prefix, as an operator does.
func drop(t *testing.T, data, organization, name string, lines int) {
	t.Helper()
	folder := filepath.Join(data, "blobs", "drop", organization)
	require.NoError(t, os.MkdirAll(folder, 0o750))
	var content strings.Builder
	for i := range lines {
		fmt.Fprintf(&content, `{"resourceType":"Patient","id":"%s-%d"}`+"\n", strings.TrimSuffix(name, ".ndjson"), i)
	}
	aside := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(aside, []byte(content.String()), 0o600))
	require.NoError(t, os.Rename(aside, filepath.Join(folder, name)))
}

const hintSecret = "a secret for notifications"

// hint sends an object's notification to a gateway that may be down.
func hint(base, key string) {
	body := fmt.Sprintf(`{"type":"fhirdock.object_created.v1","key":%q}`, key)
	req, err := http.NewRequest(http.MethodPost, base+gatewayflags.NotificationsPath, strings.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Authorization", hintSecret)
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

// jobsOf returns all jobs of the caller.
func jobsOf(t *testing.T, c *frontdoor.Client) []frontdoor.Job {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.Base+"/v1/ingestion/jobs?limit=500", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+c.Token)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, 200, resp.StatusCode)
	var list struct{ Jobs []frontdoor.Job }
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&list))
	return list.Jobs
}

// Each file moved into the bucket becomes a job with all its lines, although the gateway
// is killed repeatedly, notifications are duplicated, and some files have none.
func TestAdoptionSurvivesKill(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	args := []string{"-adopt", "drop", "-adopt-every", "20ms", "-sweep-every", "20ms", "-poll-every", "100ms", "-lease", "500ms",
		"-max-attempts", "100", "-notification-secret", hintSecret}
	const kills, lines = 8, 200
	files := 0
	for range kills {
		p, c := gateway(t, data, args...)
		for end := files + 3 + rand.IntN(20); files < end; {
			name := fmt.Sprintf("f%d.ndjson", files)
			drop(t, data, "demo", name, lines)
			files++
			if files%3 != 0 { // a third has no notification
				go hint(c.Base, "drop/demo/"+name)
				go hint(c.Base, "drop/demo/"+name)
			}
		}
		require.NoError(t, p.Process.Kill())
		_ = p.Exit(t, 10*time.Second)
	}
	_, c := gateway(t, data, args...)
	require.Eventually(t, func() bool {
		done := 0
		for _, job := range jobsOf(t, c) {
			if job.Status == "completed" {
				done++
			}
		}
		return done >= files
	}, 60*time.Second, 50*time.Millisecond)
	there := jobsOf(t, c)
	require.Len(t, there, files)
	for _, job := range there {
		require.Equal(t, "completed", job.Status)
		require.EqualValues(t, lines, job.Progress.Done)
	}
	outputs, err := filepath.Glob(filepath.Join(data, "blobs", "processed", "demo", "*", "Patient.ndjson"))
	require.NoError(t, err)
	require.Len(t, outputs, files)
	seen := map[string]bool{}
	for _, file := range outputs {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(raw)) {
			require.False(t, seen[line], "twice: %s", line)
			seen[line] = true
		}
	}
	require.Len(t, seen, files*lines)
}

// -adopt must not name a prefix that the gateway writes to.
func TestAdoptFlag(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"incoming", "incoming/fhir", "processed/x", "staging", "outcomes", "/drop", "a//b"} {
		var stderr strings.Builder
		code := run(t.Context(), []string{"-addr", "127.0.0.1:0", "-data", t.TempDir(), "-adopt", prefix}, noEnv, io.Discard, &stderr)
		require.Equal(t, 2, code, prefix)
		require.Contains(t, stderr.String(), "-adopt ")
	}
}
