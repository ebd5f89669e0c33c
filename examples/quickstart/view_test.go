package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
)

func TestLinesShowLongWork(t *testing.T) {
	var out bytes.Buffer
	v := &lines{out: &out} // every: 0, so each event is a line
	r := &result{payload: &payload{name: "big.ndjson", size: 200, ndjson: true}}
	track := v.begin(r)
	track.sent(50)
	job := &frontdoor.Job{Status: "processing"}
	job.Progress.Bytes, job.Progress.Done = 150, 1234
	track.working(job)
	r.job = &frontdoor.Job{Status: "failed", Error: "The payload is truncated"}
	track.end(r)
	require.Equal(t, `sending big.ndjson, 200 B, by signed upload
  big.ndjson: 25% sent
  big.ndjson: processing, 75% processed, 1,234 resources
FAILED big.ndjson: the job is failed: The payload is truncated
`, out.String())
}

func TestBars(t *testing.T) {
	var out bytes.Buffer
	v := newBars(&out, 80)
	r := &result{payload: &payload{name: "a.json", size: 10}}
	track := v.begin(r)
	track.sent(10)
	r.job = &frontdoor.Job{Status: "completed"}
	track.working(r.job)
	track.end(r)
	v.close()
	v.line("after the %s", "end")
	require.Contains(t, out.String(), "done with a.json: 0 resources, 0 rejected\n")
	require.Contains(t, out.String(), "after the end\n")
}

// For internal failures the user is pointed to the log.
func TestFailuresPointAtTheLog(t *testing.T) {
	const inside = "The payload could not be processed"
	for name, c := range map[string]struct {
		r      result
		points bool
	}{
		"processing":   {result{job: &frontdoor.Job{Status: "failed", Error: inside, ErrorCode: "processing"}}, true},
		"handler":      {result{job: &frontdoor.Job{Status: "failed", Error: inside, ErrorCode: "handler"}}, true},
		"panic":        {result{job: &frontdoor.Job{Status: "failed", Error: inside, ErrorCode: "handler-panic"}}, true},
		"read":         {result{job: &frontdoor.Job{Status: "failed", ErrorCode: "payload-read"}}, true},
		"invalid":      {result{job: &frontdoor.Job{Status: "failed", Error: "Bundle contains no entries", ErrorCode: "invalid"}}, false},
		"expired":      {result{job: &frontdoor.Job{Status: "expired"}}, false},
		"completed":    {result{job: &frontdoor.Job{Status: "completed"}}, false},
		"refused":      {result{err: &frontdoor.Refusal{Status: 400, Message: "No"}}, false},
		"server error": {result{err: &frontdoor.Refusal{Status: 503, Message: "Service unavailable"}}, true},
		"no answer":    {result{err: errors.New("connection refused")}, false},
	} {
		c.r.payload = &payload{name: "a.json"}
		require.Equal(t, c.points, c.r.inside(), name)
		require.Equal(t, c.points, strings.HasSuffix(ended(&c.r), "; the reason is in quickstart.log"), name)
		require.Equal(t, 1, strings.Count(strings.Join(details(&c.r), " "), "a.json"), name)
	}
}

func TestNumber(t *testing.T) {
	require.Equal(t, "0 payloads, 1 payload, 2,000 payloads",
		number(0, "payload")+", "+number(1, "payload")+", "+number(2000, "payload"))
	require.Contains(t, summary([]*result{{payload: &payload{}}}), "1 payload,")
}

func TestExpected(t *testing.T) {
	planned := &payload{refusal: "No"}
	for name, c := range map[string]struct {
		r    result
		want bool
	}{
		"completed":          {result{payload: &payload{}, job: &frontdoor.Job{Status: "completed"}}, true},
		"failed":             {result{payload: &payload{}, job: &frontdoor.Job{Status: "failed"}}, false},
		"refused":            {result{payload: &payload{}, err: &frontdoor.Refusal{Status: 400, Message: "No"}}, false},
		"refused as planned": {result{payload: planned, err: &frontdoor.Refusal{Status: 400, Message: "No"}}, true},
		"refused otherwise":  {result{payload: planned, err: &frontdoor.Refusal{Status: 400, Message: "Why"}}, false},
		"server error":       {result{payload: planned, err: &frontdoor.Refusal{Status: 500, Message: "No"}}, false},
		"taken":              {result{payload: planned, job: &frontdoor.Job{Status: "completed"}}, false},
	} {
		require.Equal(t, c.want, c.r.expected(), name)
	}
}

// A long list is cut, but failures are always shown.
func TestReportCutsSuccesses(t *testing.T) {
	var results []*result
	for i := range 100 {
		r := &result{payload: &payload{name: fmt.Sprint("f", i, ".json")}, source: "webhook", job: &frontdoor.Job{Status: "completed"}}
		if i == 99 {
			r.job.Status = "failed"
		}
		results = append(results, r)
	}
	var out bytes.Buffer
	require.False(t, report(&out, results, 100))
	require.Contains(t, out.String(), "f99.json")
	require.Contains(t, out.String(), "and 59 more, all as they should be")
	out.Reset()
	require.True(t, report(&out, results[:41], 100))
	require.Contains(t, out.String(), "and 1 more, as it should be\n")
}

// On a terminal of 80 columns no line is too long, and the job's id can be copied as a
// whole.
func TestReportFits(t *testing.T) {
	const id = "9f58b163-b4be-48c1-9dfe-c9e49dbc582d"
	now := time.Now()
	job := &frontdoor.Job{Status: "completed", CreatedAt: now, FinishedAt: now.Add(time.Second),
		ResourceCount: map[string]int64{"Patient": 1, "ExplanationOfBenefit": 1_000_000, "MedicationRequest": 1_000_000, "Observation": 2}}
	results := []*result{
		{payload: &payload{name: "patients.ndjson", size: 100e6}, source: "presigned_upload", id: id, job: job},
		{payload: &payload{name: "b.json", size: 1}, source: "webhook", err: &frontdoor.Refusal{Status: 400, Message: "No"}},
	}
	for columns, idLine := range map[int]string{80: "    job " + id + "\n", 120: "\n" + id + "  presigned_upload"} {
		var out bytes.Buffer
		report(&out, results, columns)
		for line := range strings.Lines(out.String()) {
			require.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), columns, line)
		}
		require.Contains(t, out.String(), idLine)
		require.Equal(t, 1, strings.Count(out.String(), id))
	}
}

func TestInterrupted(t *testing.T) {
	r := &result{payload: &payload{name: "a.json"}, err: fmt.Errorf("PUT: %w", context.Canceled)}
	require.Equal(t, "interrupted: a.json", ended(r))
	require.Equal(t, "interrupted", row(r)[2])
	require.False(t, r.expected())
}

func TestRate(t *testing.T) {
	require.Equal(t, "-", rate(5, 0))
	require.Equal(t, "<0.1", rate(5, time.Second))
	require.Equal(t, "1.5", rate(3_000_000, 2*time.Second))
}

func TestWrap(t *testing.T) {
	lines := wrap(strings.Fields("one two three four five"), 9)
	require.Equal(t, []string{"one two", "three", "four five"}, lines)
}

func TestQuoted(t *testing.T) {
	require.Equal(t, "/tmp/a-b/c.ndjson", quoted("/tmp/a-b/c.ndjson"))
	require.Equal(t, `'/tmp/a b'`, quoted("/tmp/a b"))
	require.Equal(t, `'/tmp/it'\''s'`, quoted("/tmp/it's"))
}

// Bundles too large for the webhook are uploaded, and so is all NDJSON.
func TestUploadOrWebhook(t *testing.T) {
	require.False(t, (&payload{size: webhookLimit}).upload())
	require.True(t, (&payload{size: webhookLimit + 1}).upload())
	require.Equal(t, "application/fhir+json", (&payload{size: webhookLimit + 1}).contentType())
	require.True(t, (&payload{ndjson: true}).upload())
	require.Equal(t, "application/fhir+ndjson", (&payload{ndjson: true}).contentType())
}
