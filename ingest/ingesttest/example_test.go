package ingesttest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"testing"
	"time"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// A handler under test fails once, is retried after its back-off, and is called once more
// by a redrive.
func ExampleNewWithOptions() {
	t := newT() // in a test: its *testing.T
	defer t.end()

	down := errors.New("the database is down")
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Handler: ingest.HandlerFunc(func(context.Context, *ingest.Batch) error {
			err := down
			down = nil
			return err
		}),
	})
	accepted := p.Client.PostBundle(t, []byte(`{"resourceType":"Bundle","type":"collection",
		"entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}`))

	// The first attempt fails; the second waits for the clock.
	job := p.WaitFor(t, accepted.JobID, func(j *jobs.Job) bool { return j.Failure != nil })
	fmt.Println(job.State, job.Attempt)
	p.Advance(t, 5*time.Minute) // at least ingest.Options.RetryMax
	job = p.Wait(t, accepted.JobID)
	fmt.Println(job.State, job.Attempt)

	answer := p.Client.Do(t, "POST", "/v1/ingestion/jobs/"+job.ID+"/redrive", "", nil)
	job = p.Wait(t, job.ID)
	fmt.Println(answer.Status, job.State, job.Run)
	// Output:
	// accepted 1
	// completed 2
	// 202 completed 1
}

// A file by signed upload, into the pipeline's own sink.
func ExampleNew() {
	t := newT() // in a test: its *testing.T
	defer t.end()

	p := ingesttest.New(t)
	id := p.Client.Upload(t, "application/fhir+ndjson", []byte(`{"resourceType":"Patient","id":"a"}
{"resourceType":"Patient"
{"resourceType":"Observation","id":"o"}
`))
	job := p.Wait(t, id)
	fmt.Println(job.State, job.Progress.Done, job.Progress.Rejected)
	for _, r := range p.Sink.Resources() {
		fmt.Println(r.Line, r.Type, r.ID)
	}
	// Output:
	// completed 2 1
	// 1 Patient a
	// 3 Observation o
}

// exampleT replaces a *testing.T, which an Example does not have.
type exampleT struct {
	testing.TB
	cleanups []func()
	ctx      context.Context
	cancel   context.CancelFunc
}

func newT() *exampleT {
	t := &exampleT{}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

func (t *exampleT) Helper()                           {}
func (t *exampleT) Context() context.Context          { return t.ctx }
func (t *exampleT) Cleanup(f func())                  { t.cleanups = append(t.cleanups, f) }
func (t *exampleT) Fatal(args ...any)                 { log.Panic(args...) }
func (t *exampleT) Fatalf(format string, args ...any) { log.Panicf(format, args...) }
func (t *exampleT) Errorf(format string, args ...any) { log.Panicf(format, args...) }

func (t *exampleT) end() {
	t.cancel()
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}
