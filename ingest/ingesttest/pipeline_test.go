package ingesttest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

const bundle = `{"resourceType":"Bundle","type":"collection","entry":[
	{"resource":{"resourceType":"Patient","id":"a"}},{"resource":{"resourceType":"Group","id":"b"}}]}`

// A test of a program's own handler, as a user would write it.
func TestHandlerOfMyOwn(t *testing.T) {
	var patients []string
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Handler: ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
			for i, r := range b.Resources {
				if r.Type != "Patient" {
					b.Reject(i, "not-supported", "Only patients are taken")
					continue
				}
				patients = append(patients, r.ID)
			}
			return nil
		}),
	})
	job := p.Wait(t, p.Client.PostBundle(t, []byte(bundle)).JobID)
	require.Equal(t, jobs.Completed, job.State)
	require.EqualValues(t, 1, job.Progress.Rejected)
	require.Equal(t, []string{"a"}, patients)
}

// The Sink fails when told to, and advancing the clock retries the job.
func TestRecordedSinkAndClock(t *testing.T) {
	p := ingesttest.New(t)
	p.Sink.Fail(errors.New("database away"))
	began := p.Clock.Now()
	id := p.Client.PostBundle(t, []byte(bundle)).JobID
	p.WaitFor(t, id, func(j *jobs.Job) bool { return j.State == jobs.Accepted && j.Attempt == 1 })
	require.Empty(t, p.Sink.Resources())
	p.Advance(t, time.Minute)
	p.Wait(t, id)
	require.Len(t, p.Sink.Resources(), 2)
	require.Len(t, p.Sink.Keys(), 2)
	require.Equal(t, began.Add(time.Minute), p.Clock.Now())
	require.True(t, slices.ContainsFunc(p.Events(), func(e ingest.Event) bool { return e.Kind == ingest.EventFinished }))
	require.NotContains(t, p.Logs(), "database away", "a handler's error may quote a resource")
	// The line may be written just after the record.
	require.Eventually(t, func() bool { return strings.Contains(p.Logs(), `"type":"*errors.errorString"`) }, 10*time.Second, time.Millisecond)

	other := p.Client.As(ingesttest.OtherToken).Do(t, "GET", "/v1/ingestion/jobs/"+id, "", nil)
	require.Equal(t, 404, other.Status)
}
