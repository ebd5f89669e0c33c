package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

const twoPatients = `{"resourceType":"Bundle","type":"collection","entry":[
	{"resource":{"resourceType":"Patient","id":"a"}},{"resource":{"resourceType":"Patient","id":"b"}}]}`

// A handler with its own pipeline may lose a lease of that one.
func TestHandlersErrorIsNotTheLossOfTheLease(t *testing.T) {
	p := ingesttest.New(t)
	p.Sink.Fail(fmt.Errorf("mine: %w", jobs.ErrLeaseLost),
		&ingest.Failure{Code: "mine", Message: "Mine", Permanent: true, Err: jobs.ErrLeaseLost})
	id := p.Client.PostBundle(t, []byte(twoPatients)).JobID
	job := p.WaitFor(t, id, func(j *jobs.Job) bool { return j.Failure != nil })
	require.Equal(t, jobs.Accepted, job.State)
	require.Equal(t, "handler", job.Failure.Code)
	p.Advance(t, 2*time.Second) // less than a lease
	job = p.Wait(t, id)
	require.Equal(t, jobs.Failed, job.State)
	require.Equal(t, "mine", job.Failure.Code)
}

// The documented behavior of Batch.Reject, Batch.Key and Failure.
func TestHandlersContract(t *testing.T) {
	var attempts atomic.Int32
	keys := make(chan string, 10)
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Handler: ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
			keys <- b.Key
			switch attempts.Add(1) {
			case 1: // an error undoes rejections
				b.Reject(0, "code", "message")
				return errors.New("down")
			case 3:
				b.Reject(0, "code", "message")
				return ingest.Permanent(errors.New("broken"))
			case 4:
				b.Reject(0, "code", "message")
			}
			return nil
		}),
	})
	retried := func(id string) *jobs.Job {
		return p.WaitFor(t, id, func(j *jobs.Job) bool { return j.State == jobs.Accepted && j.Failure != nil })
	}
	who := ingest.Caller{OrganizationID: ingesttest.Organization}

	id := p.Client.PostBundle(t, []byte(twoPatients)).JobID
	require.Equal(t, "handler", retried(id).Failure.Code)
	p.Advance(t, time.Minute)
	job := p.Wait(t, id)
	require.Equal(t, jobs.Progress{Done: 2, Offset: job.Progress.Offset, Entries: 2, Lines: job.Progress.Lines}, job.Progress)
	first := <-keys
	require.Regexp(t, `^[a-z0-9./-]{1,128}$`, first)
	require.Equal(t, first, <-keys)

	id = p.Client.PostBundle(t, []byte(twoPatients)).JobID
	job = p.Wait(t, id)
	require.Equal(t, jobs.Failed, job.State)
	require.Equal(t, "handler", job.Failure.Code)
	failed := <-keys
	require.NotEqual(t, first, failed)

	// A failed job keeps its keys, a completed one gets new ones.
	for _, same := range []bool{true, false} {
		_, err := p.Service.Redrive(t.Context(), who, id)
		require.NoError(t, err)
		job = p.Wait(t, id)
		require.Equal(t, jobs.Completed, job.State)
		require.Equal(t, same, failed == <-keys)
		if same {
			require.EqualValues(t, 1, job.Progress.Rejected)
		}
	}
}
