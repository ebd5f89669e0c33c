package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
)

// smallDisk mounts a file system of 8 MiB and returns its folder.
func smallDisk(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can mount a small disk")
	}
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=8m,mode=0700"); err != nil {
		t.Skipf("SKIPPED: no small disk can be mounted, as in a container without the right to: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(folder, syscall.MNT_DETACH)) })
	return folder
}

// fill fills the disk except for leave bytes, and returns a function that frees it.
func fill(t *testing.T, disk string, leave int64) (free func()) {
	t.Helper()
	name := filepath.Join(disk, "ballast")
	f, err := os.Create(name)
	require.NoError(t, err)
	defer f.Close()
	n, err := io.Copy(f, zeros{})
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, f.Truncate(max(n-leave, 0)))
	return func() { require.NoError(t, os.Remove(name)) }
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// put uploads the file of a ticket.
func put(t *testing.T, ticket *frontdoor.Ticket, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, ticket.UploadURL, strings.NewReader(body))
	require.NoError(t, err)
	for name, value := range ticket.Headers {
		req.Header.Set(name, value)
	}
	return answered(t, req)
}

func post(t *testing.T, c *frontdoor.Client, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Base+"/v1/ingestion/fhir/Bundle", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+c.Token)
	req.Header.Set("Content-Type", "application/fhir+json")
	return answered(t, req)
}

// answered returns the response, with its body read.
func answered(t *testing.T, req *http.Request) *http.Response {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	resp.Body = io.NopCloser(bytes.NewReader(raw))
	return resp
}

// listed returns all jobs, by id.
func listed(t *testing.T, c *frontdoor.Client) map[string]string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.Base+"/v1/ingestion/jobs?limit=100", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+c.Token)
	resp := answered(t, req)
	require.Equal(t, 200, resp.StatusCode)
	var list struct {
		Jobs []frontdoor.Job
		Next string
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&list))
	require.Empty(t, list.Next)
	states := map[string]string{}
	for _, job := range list.Jobs {
		states[job.JobID] = job.Status
	}
	return states
}

const (
	fullBundle = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}`
	fullLine   = `{"resourceType":"Patient","id":"a"}`
)

// On a full disk nothing is acknowledged and no files remain. Once there is room, the same
// requests are accepted.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	p, c := gateway(t, filepath.Join(disk, "data"), "-min-free", "0")
	becomesReady(t, c.Base, 200, "ready")
	ticket, err := c.UploadURL(t.Context(), "application/fhir+ndjson", 0)
	require.NoError(t, err)
	free := fill(t, disk, 0)

	for range 3 {
		resp := post(t, c, fullBundle)
		require.Equal(t, 503, resp.StatusCode)
		require.NotEmpty(t, resp.Header.Get("Retry-After"))
		require.Empty(t, resp.Header.Get("Location"))
		resp = put(t, ticket, fullLine)
		require.Equal(t, 503, resp.StatusCode)
		require.NotEmpty(t, resp.Header.Get("Retry-After"))
	}
	require.Equal(t, map[string]string{ticket.UploadID: "awaiting_upload"}, listed(t, c))
	becomesReady(t, c.Base, 503, "bucket", "jobs")
	require.Contains(t, p.Stderr.String(), "no space left on device", "the log says why")
	require.NotContains(t, p.Stderr.String(), ".go:", "without a stack")

	free()
	becomesReady(t, c.Base, 200, "ready")
	receipt, err := c.PostBundle(t.Context(), strings.NewReader(fullBundle), -1)
	require.NoError(t, err)
	require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)
	require.Equal(t, 200, put(t, ticket, fullLine).StatusCode)
	require.Equal(t, "completed", follow(t, c, ticket.UploadID).Status)
	require.Len(t, listed(t, c), 2)
}

// With room for only a part of a request's data, the record fails or the job's objects do:
// each response is a 503 without a job, or a 202 whose job completes.
func TestNearlyFullDisk(t *testing.T) {
	t.Parallel()
	const pages, page = 24, 4096
	disk := smallDisk(t)
	data := filepath.Join(disk, "data")
	args := []string{"-min-free", "0", "-max-attempts", "1000", "-lease", "2s", "-sweep-every", "200ms"}
	p, c := gateway(t, data, args...)
	var accepted []string
	refused := 0
	for leave := range pages {
		free := fill(t, disk, int64(leave)*page)
		resp := post(t, c, fullBundle)
		var receipt frontdoor.Receipt
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&receipt))
		switch resp.StatusCode {
		case 202:
			accepted = append(accepted, receipt.JobID)
		case 503:
			require.NotEmpty(t, resp.Header.Get("Retry-After"))
			refused++
		default:
			require.Failf(t, "neither 202 nor 503", "%d", resp.StatusCode)
		}
		free()
	}
	require.NotZero(t, refused, "the disk was never full")
	require.NotEmpty(t, accepted, "the disk was always full")
	t.Logf("%d accepted, %d refused", len(accepted), refused)

	// Acknowledged jobs survive the process.
	require.NoError(t, p.Process.Kill())
	p.Exit(t, 10*time.Second)
	_, c = gateway(t, data, args...)
	for _, id := range accepted {
		require.Equal(t, "completed", follow(t, c, id).Status)
	}
	require.Len(t, listed(t, c), len(accepted))
}

// Payloads are refused before the disk is full, so that there is room to process accepted
// jobs. /readyz reports it.
func TestFloorOfFreeSpace(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	p, c := gateway(t, filepath.Join(disk, "data"), "-min-free", "4MiB", "-max-attempts", "1000", "-lease", "2s", "-sweep-every", "200ms")
	ticket, err := c.UploadURL(t.Context(), "application/fhir+ndjson", 0)
	require.NoError(t, err)
	receipt, err := c.PostBundle(t.Context(), strings.NewReader(fullBundle), int64(len(fullBundle)))
	require.NoError(t, err)
	free := fill(t, disk, 3<<20)

	for name, resp := range map[string]*http.Response{"webhook": post(t, c, fullBundle), "upload": put(t, ticket, fullLine)} {
		require.Equal(t, 503, resp.StatusCode, name)
		require.NotEmpty(t, resp.Header.Get("Retry-After"), name)
	}
	status, _ := get(t, c.Base+"/readyz")
	require.Equal(t, 503, status)
	p.Wait(t, `msg="not ready" error=".*not enough free space`)
	_, counted := get(t, c.Base+"/metrics")
	require.Contains(t, counted, `fhirdock_requests_over_budget_total{reason="space",whose="server"} 2`)
	require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)

	free()
	status, _ = get(t, c.Base+"/readyz")
	require.Equal(t, 200, status)
	require.Equal(t, 202, post(t, c, fullBundle).StatusCode)
	require.Equal(t, 200, put(t, ticket, fullLine).StatusCode)
}
