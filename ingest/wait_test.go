package ingest_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// busy is a handler whose target asks to wait until it is open.
type busy struct {
	open  atomic.Bool
	calls atomic.Int32
	after time.Duration
}

func (h *busy) Handle(context.Context, *ingest.Batch) error {
	h.calls.Add(1)
	if h.open.Load() {
		return nil
	}
	return ingest.Wait(h.after, errors.New("429 Too Many Requests"))
}

// waitsAgain reports whether a job was handed over calls times and waits. The record may
// have been read before the last call; then the wait's time has already passed.
func waitsAgain(p *ingesttest.Pipeline, h *busy, calls int32) func(*jobs.Job) bool {
	return func(j *jobs.Job) bool {
		return h.calls.Load() == calls && j.State == jobs.Accepted && j.NotBefore.After(p.Clock.Now())
	}
}

func TestWait(t *testing.T) {
	h := &busy{after: time.Hour}
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Handler: h, Service: ingest.Options{MaxAttempts: 2}})
	id := p.Client.PostBundle(t, []byte(twoPatients)).JobID
	for n := range int32(5) { // more often than MaxAttempts
		job := p.WaitFor(t, id, waitsAgain(p, h, n+1))
		require.Zero(t, job.Attempt, "the attempt is given back")
		require.Equal(t, p.Clock.Now().Add(time.Hour), job.NotBefore)
		require.Equal(t, "waiting", job.Failure.Code)
		answer := p.Client.Do(t, "GET", "/v1/ingestion/jobs/"+id, "", nil)
		require.Contains(t, string(answer.Body), "Waiting until "+job.NotBefore.Format(queue.TimeFormat))
		require.NotContains(t, string(answer.Body), "Too Many", "the sender must not see a handler's text")
		require.NotEmpty(t, answer.Header.Get("Retry-After"))
		p.Advance(t, time.Hour-time.Second)
		require.Equal(t, n+1, h.calls.Load(), "not before the wait ends")
		p.Advance(t, time.Second)
	}
	p.WaitFor(t, id, waitsAgain(p, h, 6))
	h.open.Store(true)
	p.Advance(t, time.Hour)
	job := p.Wait(t, id)
	require.Equal(t, jobs.Completed, job.State)
	require.True(t, job.WaitingSince.IsZero())
	waits := 0
	for _, e := range p.Events() {
		if e.Kind == ingest.EventWaiting {
			require.Equal(t, time.Hour, e.Duration)
			waits++
		}
	}
	require.Equal(t, 6, waits)
	require.NotContains(t, p.Logs(), "Too Many")
}

func TestWaitEndsAfterMaxWait(t *testing.T) {
	h := &busy{after: 10 * time.Hour}
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Handler: h})
	id := p.Client.PostBundle(t, []byte(twoPatients)).JobID
	for n, more := range []time.Duration{10 * time.Hour, 10 * time.Hour, 4 * time.Hour} { // 24 hours in total
		job := p.WaitFor(t, id, waitsAgain(p, h, int32(n)+1))
		require.Equal(t, p.Clock.Now().Add(more), job.NotBefore)
		p.Advance(t, more)
	}
	job := p.Wait(t, id)
	require.Equal(t, jobs.Failed, job.State)
	require.Equal(t, jobs.CodeWaited, job.Failure.Code)
	require.Contains(t, job.Failure.Message, "24h0m0s")
	require.EqualValues(t, 4, h.calls.Load(), "once more at the end of MaxWait")

	redrive(t, p, id)
	p.WaitFor(t, id, waitsAgain(p, h, 5))

	_, err := ingest.NewWorker(p.Service, h, &ingest.WorkerOptions{MaxWait: -1})
	require.ErrorContains(t, err, "negative")
}

// With an order, a job that waits holds up the later ones of its organization, and no
// others.
func TestWaitHoldsUpItsOrganization(t *testing.T) {
	var first atomic.Bool
	first.Store(true)
	seen := make(chan string, 10)
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Handler: ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
			seen <- b.Resources[0].ID
			if first.Swap(false) {
				return ingest.Wait(time.Hour, errors.New("busy"))
			}
			return nil
		}),
		Worker: ingest.WorkerOptions{OrderPerOrganization: true},
	})
	send := func(c *ingesttest.Client, id string) string {
		return c.PostBundle(t, []byte(strings.Replace(twoPatients, `"id":"a"`, `"id":"`+id+`"`, 1))).JobID
	}
	older := send(p.Client, "older")
	p.WaitFor(t, older, func(j *jobs.Job) bool { return !j.WaitingSince.IsZero() })
	p.Clock.Advance(time.Second) // to make the next job newer
	newer := send(p.Client, "newer")
	other := send(p.Client.As(ingesttest.OtherToken), "other")
	require.Equal(t, jobs.Completed, p.Wait(t, other).State)
	p.Advance(t, 30*time.Minute)
	require.Equal(t, jobs.Accepted, p.WaitFor(t, newer, func(*jobs.Job) bool { return true }).State)
	p.Advance(t, 30*time.Minute)
	require.Equal(t, jobs.Completed, p.Wait(t, older).State)
	p.Advance(t, time.Minute)
	require.Equal(t, jobs.Completed, p.Wait(t, newer).State)
	var order []string
	for range 4 {
		order = append(order, <-seen)
	}
	require.Equal(t, []string{"older", "other", "older", "newer"}, order)
}

// A job that has to start over does so even if its handler asks to wait with the same
// error: continuing from the last checkpoint would only ask again.
func TestWaitAroundStartOver(t *testing.T) {
	var batches, finishes atomic.Int32
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Handler: startsOver{
		HandlerFunc: func(context.Context, *ingest.Batch) error { batches.Add(1); return nil },
		finishes:    &finishes,
	}})
	id := p.Client.PostBundle(t, []byte(twoPatients)).JobID
	job := p.WaitFor(t, id, func(j *jobs.Job) bool {
		if j.State == jobs.Accepted && j.NotBefore.After(p.Clock.Now()) {
			p.Advance(t, 10*time.Minute)
		}
		return j.State.Finished()
	})
	require.Equal(t, jobs.Completed, job.State)
	require.EqualValues(t, 2, batches.Load())
	require.EqualValues(t, 2, finishes.Load())
}

type startsOver struct {
	ingest.HandlerFunc
	finishes *atomic.Int32
}

func (h startsOver) Finish(context.Context, *jobs.Job) ([]jobs.Output, error) {
	if h.finishes.Add(1) == 1 {
		return nil, ingest.Wait(time.Second, ingest.StartOver(errors.New("gone")))
	}
	return nil, nil
}
