package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
)

func TestLinesTellOfLongWork(t *testing.T) {
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
  big.ndjson: sent 25% of it
  big.ndjson: processing, 75% of it worked on, 1,234 resources
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

// What is not the payload's fault is in the log, and that is said.
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

// A long list is cut; what went wrong never is.
func TestReportCutsWhatWentWell(t *testing.T) {
	var results []*result
	for i := range 100 {
		r := &result{payload: &payload{name: fmt.Sprint("f", i, ".json")}, source: "webhook", job: &frontdoor.Job{Status: "completed"}}
		if i == 99 {
			r.job.Status = "failed"
		}
		results = append(results, r)
	}
	var out bytes.Buffer
	require.False(t, report(&out, results))
	require.Contains(t, out.String(), "f99.json")
	require.Contains(t, out.String(), "and 59 more, all as they should be")
	out.Reset()
	require.True(t, report(&out, results[:41]))
	require.Contains(t, out.String(), "and 1 more, as it should be\n")
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

// Bundles that the webhook does not take are uploaded, and so is all NDJSON.
func TestWayIn(t *testing.T) {
	require.False(t, (&payload{size: webhookLimit}).upload())
	require.True(t, (&payload{size: webhookLimit + 1}).upload())
	require.Equal(t, "application/fhir+json", (&payload{size: webhookLimit + 1}).contentType())
	require.True(t, (&payload{ndjson: true}).upload())
	require.Equal(t, "application/fhir+ndjson", (&payload{ndjson: true}).contentType())
}
