package sink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/ingest/sink"
	"github.com/fhirdock/fhirdock/jobs"
)

// flaky wraps a handler and fails before or after chosen calls.
type flaky struct {
	*sink.Lake
	calls int
	fail  func(call int) (before, after bool)
}

var errFlaky = errors.New("flaky")

func (f *flaky) around(do func() error) error {
	f.calls++
	before, after := f.fail(f.calls)
	if before {
		return errFlaky
	}
	if err := do(); err != nil {
		return err
	}
	if after {
		return errFlaky
	}
	return nil
}

func (f *flaky) Handle(ctx context.Context, b *ingest.Batch) error {
	return f.around(func() error { return f.Lake.Handle(ctx, b) })
}

func (f *flaky) Finish(ctx context.Context, job *jobs.Job) (out []jobs.Output, err error) {
	err = f.around(func() (err error) { out, err = f.Lake.Finish(ctx, job); return err })
	return out, err
}

func lake(t *testing.T, fail func(int) (before, after bool)) *ingesttest.Pipeline {
	t.Helper()
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { _ = bucket.Close() })
	return ingesttest.NewWithOptions(t, &ingesttest.Options{
		Bucket:  bucket,
		Handler: &flaky{Lake: newLake(t, bucket, nil), fail: fail},
		Service: ingest.Options{MaxAttempts: 100},
		Worker:  ingest.WorkerOptions{BatchResources: 10},
	})
}

func never(int) (bool, bool) { return false, false }

func finish(t *testing.T, p *ingesttest.Pipeline, id string) *jobs.Job {
	t.Helper()
	return p.WaitFor(t, id, func(j *jobs.Job) bool {
		// Advance once for each back-off. Advancing again would end the lease of a worker
		// that has claimed the job since.
		if j.State == jobs.Accepted && j.NotBefore.After(p.Clock.Now()) {
			p.Advance(t, 10*time.Minute)
		}
		return j.State.Finished()
	})
}

// requireLines checks that the files contain each resource of the payload once, in order.
func requireLines(t *testing.T, bucket *blob.Bucket, job *jobs.Job, payload []byte) {
	t.Helper()
	want := map[string][]string{}
	for line := range strings.Lines(string(payload)) {
		var r struct{ ResourceType string }
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		want[r.ResourceType] = append(want[r.ResourceType], line)
	}
	require.Len(t, job.Outputs, len(want))
	for _, out := range job.Outputs {
		got, err := bucket.ReadAll(t.Context(), out.Key)
		require.NoError(t, err)
		require.Equal(t, strings.Join(want[out.Type], ""), string(got), out.Type)
		require.EqualValues(t, len(want[out.Type]), out.Count)
		require.EqualValues(t, len(got), out.Bytes)
		require.Equal(t, fmt.Sprintf("processed/%s/%s/%s.ndjson", job.OrganizationID, job.ID, out.Type), out.Key)
	}
	it := bucket.List(&blob.ListOptions{Prefix: "staging/"})
	_, err := it.Next(t.Context())
	require.Equal(t, io.EOF, err, "no part may be left")
}

func payload(t *testing.T, size int64) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := fhirgen.New(nil).WriteNDJSON(&b, size)
	require.NoError(t, err)
	return b.Bytes()
}

func TestLakeStoresEachLineOnce(t *testing.T) {
	file := payload(t, 100_000)
	for name, fail := range map[string]func(int) (bool, bool){
		"no fault":                never,
		"every second call fails": func(n int) (bool, bool) { return n%2 == 0, false },
		"every second call fails after it succeeded": func(n int) (bool, bool) { return false, n%2 == 0 },
		"two of three, before, after":                func(n int) (bool, bool) { return n%3 == 0, n%3 == 1 },
		"the first Finish fails after it succeeded":  func(n int) (bool, bool) { return false, n == 8 },
	} {
		t.Run(name, func(t *testing.T) {
			p := lake(t, fail)
			job := finish(t, p, p.Client.Upload(t, "application/fhir+ndjson", file))
			require.Equal(t, jobs.Completed, job.State)
			requireLines(t, p.Bucket, job, file)
		})
	}
}

// Whichever call fails, before or after it took effect, each line is stored once.
func TestLakeAtEachFault(t *testing.T) {
	file := payload(t, 40_000)
	probe := lake(t, never)
	finish(t, probe, probe.Client.Upload(t, "application/fhir+ndjson", file))
	var calls int
	for _, e := range probe.Events() {
		if e.Kind == ingest.EventBatch {
			calls++
		}
	}
	require.Greater(t, calls, 2)
	for n := 1; n <= calls+1; n++ {
		for _, after := range []bool{false, true} {
			p := lake(t, func(call int) (bool, bool) { return call == n && !after, call == n && after })
			job := finish(t, p, p.Client.Upload(t, "application/fhir+ndjson", file))
			require.Equal(t, jobs.Completed, job.State)
			require.Equal(t, 2, job.Attempt)
			requireLines(t, p.Bucket, job, file)
		}
	}
}

func TestLakeOfABundle(t *testing.T) {
	p := lake(t, never)
	pretty := []byte("{\"resourceType\": \"Bundle\",\r\n \"type\": \"transaction\", \"entry\": [\n" +
		"{\"resource\": {\n\t\"resourceType\": \"Patient\",\r\n\t\"name\": [ { \"text\": \"a \\\" \\\\ { b\" } ],\n\t\"x\": 1.50\n} }\n]}")
	job := finish(t, p, p.Client.PostBundle(t, pretty).JobID)
	require.Equal(t, jobs.Completed, job.State)
	require.Len(t, job.Outputs, 1)
	got, err := p.Bucket.ReadAll(t.Context(), job.Outputs[0].Key)
	require.NoError(t, err)
	require.Equal(t, `{"resourceType":"Patient","name":[{"text":"a \" \\ { b"}],"x":1.50}`+"\n", string(got))
	manifest, err := p.Bucket.ReadAll(t.Context(), "processed/test-org/"+job.ID+"/manifest.json")
	require.NoError(t, err)
	require.Contains(t, string(manifest), job.Outputs[0].Key)
}

// Types that a sender made up don't become file names and don't grow the record.
func TestLakeOfUnknownTypes(t *testing.T) {
	var file strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&file, `{"resourceType":"Made%c%c%c"}`+"\n", 'a'+i/676, 'a'+i/26%26, 'a'+i%26)
	}
	file.WriteString("{\"resourceType\":\"patient\"}\n{\"resourceType\":\"Patient\"}\n")
	for _, size := range []int{2000, 700} { // all in one batch, or in several
		bucket := memblob.OpenBucket(nil)
		defer bucket.Close()
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{
			Bucket: bucket, Handler: newLake(t, bucket, nil), Worker: ingest.WorkerOptions{BatchResources: size},
		})
		job := p.Wait(t, p.Client.Upload(t, "application/fhir+ndjson", []byte(file.String())))
		require.Equal(t, jobs.Completed, job.State)
		require.Equal(t, map[string]int64{"Other": 1501, "Patient": 1}, job.ResourceCounts)
		require.Len(t, job.Outputs, 2)
		require.Equal(t, "Other.ndjson", path.Base(job.Outputs[0].Key))
		require.EqualValues(t, 1501, job.Outputs[0].Count)
		require.Equal(t, "Patient.ndjson", path.Base(job.Outputs[1].Key))
	}
}

func TestLakeRejections(t *testing.T) {
	p := lake(t, never)
	job := finish(t, p, p.Client.PostBundle(t, []byte(`{"resourceType":"Bundle","type":"batch","entry":[
		{"resource":{"resourceType":"Patient","id":"a"},"request":{"method":"PUT","url":"Patient/a"}},
		{"request":{"method":"DELETE","url":"Patient/b"}},
		{"resource":{"resourceType":"../x","id":"c"},"request":{"method":"PUT","url":"Patient/c"}}]}`)).JobID)
	require.Equal(t, jobs.Completed, job.State)
	require.EqualValues(t, 1, job.Progress.Done)
	require.EqualValues(t, 2, job.Progress.Rejected)
	outcomes, err := p.Bucket.ReadAll(t.Context(), job.OutcomesKey)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(outcomes), "\n"))
}

func TestLakeOfARedrive(t *testing.T) {
	p := lake(t, never)
	file := payload(t, 100_000)
	id := p.Client.Upload(t, "application/fhir+ndjson", file)
	finish(t, p, id)
	who := ingest.Caller{OrganizationID: ingesttest.Organization}
	_, err := p.Service.Redrive(t.Context(), who, id)
	require.NoError(t, err)
	job := p.WaitFor(t, id, func(j *jobs.Job) bool { return j.Run == 1 && j.State == jobs.Completed })
	requireLines(t, p.Bucket, job, file)
}

// Workers that lost their lease may finish a job concurrently with the one that has it,
// without losing output.
func TestLakeFinishedConcurrently(t *testing.T) {
	for round := range 300 {
		bucket := memblob.OpenBucket(nil)
		l := newLake(t, bucket, nil)
		const batches = 6
		job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "org", Run: round % 2, Progress: jobs.Progress{Done: batches}}
		for i := range int64(batches) {
			raw := fmt.Appendf(nil, `{"resourceType":"Patient","id":"%d"}`, i)
			require.NoError(t, l.Handle(t.Context(), &ingest.Batch{Job: job, Start: i, End: i + 1,
				Resources: []ingest.Resource{{Type: "Patient", Raw: raw}}}))
		}
		var wg sync.WaitGroup
		var finished atomic.Int32
		for range 4 {
			wg.Go(func() {
				if outputs, err := l.Finish(t.Context(), job); err == nil {
					finished.Add(1)
					if len(outputs) != 1 || outputs[0].Count != batches {
						t.Errorf("outputs %+v", outputs)
					}
				}
			})
		}
		wg.Wait()
		require.NotZero(t, finished.Load())
		got, err := bucket.ReadAll(t.Context(), "processed/org/"+job.ID+"/Patient.ndjson")
		require.NoError(t, err)
		require.Equal(t, batches, bytes.Count(got, []byte{'\n'}))
		manifest, err := bucket.ReadAll(t.Context(), "processed/org/"+job.ID+"/manifest.json")
		require.NoError(t, err)
		require.Contains(t, string(manifest), `"count": 6`)
		require.NoError(t, bucket.Close())
	}
}

// The parts of a cancelled job are removed once its worker can't write any more.
func TestLakeOfACancelledJob(t *testing.T) {
	reached := make(chan struct{})
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	l := newLake(t, bucket, nil)
	calls := 0
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Bucket: bucket,
		Handler: cancelled{l, func(ctx context.Context, b *ingest.Batch) error {
			b.Reject(0, "test", "rejected")
			if calls++; calls == 3 {
				close(reached)
				<-ctx.Done()
			}
			return l.Handle(ctx, b)
		}},
		Worker: ingest.WorkerOptions{BatchResources: 10},
	})
	id := p.Client.Upload(t, "application/fhir+ndjson", payload(t, 100_000))
	<-reached
	_, err := p.Service.Cancel(t.Context(), ingest.Caller{OrganizationID: ingesttest.Organization}, id)
	require.NoError(t, err)
	staged := func() (n int) {
		it := bucket.List(&blob.ListOptions{Prefix: "staging/"})
		for {
			if _, err := it.Next(t.Context()); err == io.EOF {
				return n
			}
			n++
		}
	}
	require.GreaterOrEqual(t, staged(), 4, "parts of the lake and of the outcomes")
	p.Advance(t, 29*time.Second)
	require.GreaterOrEqual(t, staged(), 4, "the worker may still write")
	p.Advance(t, time.Second)
	job := p.WaitFor(t, id, func(j *jobs.Job) bool { return j.DueAt.IsZero() })
	require.Equal(t, jobs.Cancelled, job.State)
	require.Zero(t, staged())
}

type cancelled struct {
	*sink.Lake
	handle ingest.HandlerFunc
}

func (c cancelled) Handle(ctx context.Context, b *ingest.Batch) error { return c.handle(ctx, b) }

// A run without resources of a type removes the previous run's file of it.
func TestLakeOfARunWithFewerTypes(t *testing.T) {
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	l := newLake(t, bucket, nil)
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "org"}
	run := func(n int, types ...string) {
		job.Run = n
		b := &ingest.Batch{Job: job, Start: 0, End: 1}
		for _, name := range types {
			b.Resources = append(b.Resources, ingest.Resource{Type: name, Raw: []byte(`{}`)})
		}
		require.NoError(t, l.Handle(t.Context(), b))
		job.Progress.Done = int64(len(types))
		outputs, err := l.Finish(t.Context(), job)
		require.NoError(t, err)
		require.Len(t, outputs, len(types))
	}
	run(0, "Patient", "Observation")
	run(1, "Patient")
	exists, err := bucket.Exists(t.Context(), "processed/org/"+job.ID+"/Observation.ndjson")
	require.NoError(t, err)
	require.False(t, exists)
	exists, err = bucket.Exists(t.Context(), "processed/org/"+job.ID+"/Patient.ndjson")
	require.NoError(t, err)
	require.True(t, exists)
}

func ExampleLake() {
	// A program passes the Store of its ingest.Backends.
	store, err := blobstore.New(memblob.OpenBucket(nil), nil)
	if err != nil {
		panic(err)
	}
	defer store.Close()
	lake, err := sink.NewLake(store, &sink.LakeOptions{Prefix: "lake"})
	if err != nil {
		panic(err)
	}
	var handler ingest.Handler = lake
	_ = handler // ingest.Run(ctx, svc, handler, nil)
}
