package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/samples"
)

func job(status, message string) *frontdoor.Job {
	return &frontdoor.Job{Status: status, Error: message}
}

func TestOutcome(t *testing.T) {
	refused := func(status int, message string) error { return &frontdoor.Refusal{Status: status, Message: message} }
	planned := samples.Payload{Refusal: "No"}
	for name, c := range map[string]struct {
		r      result
		status string
		why    string
	}{
		"completed":          {result{job: job("completed", "")}, "completed", "no resources"},
		"failed":             {result{job: job("failed", "The payload is truncated")}, failed, "the job is failed: The payload is truncated"},
		"expired":            {result{job: job("expired", "")}, failed, "the job is expired"},
		"refused":            {result{err: refused(400, "No")}, failed, "400 Bad Request: No"},
		"refused as planned": {result{Payload: planned, err: refused(400, "No")}, "refused", "400 Bad Request: No (as it should be)"},
		"refused otherwise":  {result{Payload: planned, err: refused(400, "Why")}, failed, "400 Bad Request: Why"},
		"server error":       {result{Payload: planned, err: refused(500, "No")}, failed, "500 Internal Server Error: No"},
		"accepted":           {result{Payload: planned, job: job("completed", "")}, failed, "it was accepted, and should have been refused"},
		"no answer":          {result{err: errors.New("connection refused")}, failed, "connection refused"},
		"interrupted":        {result{err: fmt.Errorf("PUT: %w", context.Canceled)}, "interrupted", ""},
	} {
		status, why := c.r.outcome()
		require.Equal(t, c.status, status, name)
		require.Equal(t, c.why, why, name)
	}
}

// On a terminal of 80 columns the lines are not too long, and the job's id can be copied
// as a whole.
func TestRow(t *testing.T) {
	const id = "9f58b163-b4be-48c1-9dfe-c9e49dbc582d"
	now := time.Now()
	j := job("completed", "")
	j.CreatedAt, j.FinishedAt = now, now.Add(time.Second)
	j.Progress.Done = 31_400
	j.ResourceCount = map[string]int64{"Patient": 100, "ExplanationOfBenefit": 6_200, "Claim": 6_200, "Observation": 18_900}
	r := result{Payload: samples.Payload{Name: "patients.ndjson", ContentType: samples.TypeNDJSON, Size: 100e6}, id: id, job: j}
	require.Equal(t, `completed     100 MB      31,400         0   100 MB/s  patients.ndjson
    by signed upload, job `+id+`
    Observation 18,900, Claim 6,200, ExplanationOfBenefit 6,200, 1 more type
`, r.row())
	for line := range strings.Lines(r.row()) {
		require.LessOrEqual(t, len(line), 80+1)
	}
}

// Failures are listed again below the table, which may be long.
func TestTotals(t *testing.T) {
	var results []*result
	for i := range 3 {
		r := &result{Payload: samples.Payload{Name: fmt.Sprint("f", i, ".json"), Size: 1e6}, job: job("completed", "")}
		r.job.CreatedAt = time.Unix(int64(i), 0)
		r.job.FinishedAt = r.job.CreatedAt.Add(time.Second)
		r.job.Progress.Done = 1000
		results = append(results, r)
	}
	results[1].job.Status = "failed"
	var out strings.Builder
	sum(results).write(&out)
	require.Equal(t, `
3 payloads, 3.0 MB, 3,000 resources, 0 rejected
in 3s: 1.0 MB/s, 1,000 resources/s

1 payload FAILED (for internal errors see quickstart.log):
  f1.json
`, out.String())
}

func TestNumber(t *testing.T) {
	require.Equal(t, "0 payloads, 1 payload, 2,000 payloads",
		number(0, "payload")+", "+number(1, "payload")+", "+number(2000, "payload"))
}

func TestRate(t *testing.T) {
	require.Equal(t, "-", rate(5, 0))
	require.Equal(t, "5 B/s", rate(5, time.Second))
	require.Equal(t, "1.5 MB/s", rate(3_000_000, 2*time.Second))
}

func TestQuoted(t *testing.T) {
	require.Equal(t, `'/tmp/a b'`, quoted("/tmp/a b"))
	require.Equal(t, `'/tmp/it'\''s'`, quoted("/tmp/it's"))
}

// Bundles too large for the webhook are uploaded, and so is all NDJSON.
func TestUploaded(t *testing.T) {
	large := samples.Payload{ContentType: samples.TypeBundle, Size: webhookLimit + 1}
	require.True(t, (&result{Payload: large}).uploaded())
	large.Size--
	require.False(t, (&result{Payload: large}).uploaded())
	require.True(t, (&result{Payload: samples.Payload{ContentType: samples.TypeNDJSON}}).uploaded())
}

// Endings of files may be in capitals, and links are followed.
func TestFile(t *testing.T) {
	folder := t.TempDir()
	for name, contentType := range map[string]string{"a.JSON": samples.TypeBundle, "b.ndjson": samples.TypeNDJSON} {
		path := write(t, filepath.Join(folder, name), "x")
		p, err := file(path)
		require.NoError(t, err)
		require.Equal(t, contentType, p.ContentType)
		require.EqualValues(t, 1, p.Size)
	}
	link := filepath.Join(folder, "link.json")
	if os.Symlink(filepath.Join(folder, "a.JSON"), link) == nil { // Windows may not allow it
		_, err := file(link)
		require.NoError(t, err)
	}
}
