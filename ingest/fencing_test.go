package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/ingest/sink"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// mixed is NDJSON of n resources of two types, every seventh of which is rejected.
func mixed(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		name := []string{"Patient", "Group"}[i%2]
		if i%7 == 3 {
			name = "X1"
		}
		fmt.Fprintf(&b, `{"resourceType":"%s","id":"r%d"}`+"\n", name, i)
	}
	return b.Bytes()
}

// published returns what readers see: the files of the lake and of the outcomes.
func published(t *testing.T, b *blob.Bucket) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, prefix := range []string{"processed/", "outcomes/"} {
		it := b.List(&blob.ListOptions{Prefix: prefix})
		for {
			obj, err := it.Next(t.Context())
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			content, err := b.ReadAll(t.Context(), obj.Key)
			require.NoError(t, err)
			files[obj.Key] = string(content)
		}
	}
	return files
}

// logBuffer records log lines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, end := range []string{"job lost", "end of the attempt not recorded", "job finished", "job given back", "attempt failed"} {
		if strings.Contains(l.b.String(), end) {
			return true
		}
	}
	return false
}

// second is the lake of the worker that takes over. It records where its batches begin,
// and blocks before it does anything.
type second struct {
	*sink.Lake
	arrived chan struct{} // gets one for each call
	goOn    chan struct{} // to be closed

	mu sync.Mutex
	at []int64
}

func (s *second) Handle(ctx context.Context, b *ingest.Batch) error {
	s.mu.Lock()
	s.at = append(s.at, b.Start)
	s.mu.Unlock()
	s.arrived <- struct{}{}
	<-s.goOn
	return s.Lake.Handle(ctx, b)
}

func (s *second) Finish(ctx context.Context, job *jobs.Job) ([]jobs.Output, error) {
	s.arrived <- struct{}{}
	<-s.goOn
	return s.Lake.Finish(ctx, job)
}

// A worker is stopped at each of its calls of the store and the bucket, before and after
// the call, for longer than its lease. Another one takes the job, continues from the
// checkpoint and completes it. The first one resumes while the other has the job or after
// it has completed it, and changes neither the record nor the published files.
func TestAWorkerThatStallsAnywhereChangesNothing(t *testing.T) {
	for _, beside := range []bool{false, true} {
		t.Run(fmt.Sprintf("resumes beside the other %v", beside), func(t *testing.T) {
			at := 2 // before the first call, the claim, it has no job
			for stallAt(t, at, beside) {
				at++
			}
			require.Greater(t, at, 40, "too few calls were tried")
			t.Logf("stopped at each of %d places", at-2)
		})
	}
}

// stallAt stops a worker at a call; it returns false if there are fewer calls.
func stallAt(t *testing.T, at int, beside bool) bool {
	store := &lawStore{Store: jobs.NewMemStore()}
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Jobs: store})
	id := p.Client.Upload(t, ndjson, mixed(30))
	name := fmt.Sprintf("stopped at call %d", at)

	g, log := newGate(at), &logBuffer{}
	topic, subscription := local(nil)
	bucket := g.bucket(p.Bucket)
	svc, err := ingest.New(ingest.Backends{
		Store:        must(blobstore.New(bucket, nil)),
		Publisher:    must(queue.NewPublisher(topic, nil)),
		Subscription: queue.Static(subscription),
		Jobs:         g.store(store),
	}, &ingest.Options{NoUploads: true, Now: p.Clock.Now, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	require.NoError(t, err)
	worker, err := ingest.NewWorker(svc, newLake(t, bucket, nil), &ingest.WorkerOptions{BatchResources: 10})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	open, goOn := sync.OnceFunc(func() { close(g.open) }), make(chan struct{})
	letGo := sync.OnceFunc(func() { close(goOn) })
	end := func() {
		open()
		require.Eventually(t, log.ended, 10*time.Second, time.Millisecond, name)
		stop()
		require.NoError(t, <-ended)
	}
	require.NoError(t, must(queue.NewPublisher(topic, nil)).Publish(t.Context(), queue.Message{JobID: id}))
	select {
	case <-g.stopped:
	case <-finishedWithout(g, store, id):
		end()
		return false
	case <-time.After(10 * time.Second):
		require.Fail(t, name, "the worker neither stops nor finishes")
	}

	was := mustGet(t, p, id)
	p.Clock.Advance(time.Minute) // its lease ends
	other := &second{Lake: newLake(t, p.Bucket, nil), arrived: make(chan struct{}, 100), goOn: goOn}
	wake, stopOther := startWorker(t, p, other, &ingest.WorkerOptions{BatchResources: 7})
	t.Cleanup(func() { open(); letGo(); stop() }) // so that a failed test ends too
	wake(id)                                      // in case it was not claimed yet
	if beside && !was.State.Finished() {
		select {
		case <-other.arrived:
		case <-time.After(10 * time.Second):
			require.Fail(t, name, "the job is not taken over")
		}
		taken := mustGet(t, p, id)
		end()
		require.Equal(t, taken, mustGet(t, p, id), "the other worker's record: "+name)
	}
	letGo()
	job := p.Wait(t, id)
	files := published(t, p.Bucket)
	require.Equal(t, jobs.Completed, job.State, name)
	require.Equal(t, job.Payload.Size, job.Progress.Offset, name)
	require.EqualValues(t, 26, job.Progress.Done, name)
	require.EqualValues(t, 4, job.Progress.Rejected, name)
	require.Equal(t, map[string]int64{"Patient": 13, "Group": 13}, job.ResourceCounts, name)
	if !was.State.Finished() {
		require.Equal(t, was.Attempt+1, job.Attempt, name)
	}
	if len(other.at) > 0 {
		require.Equal(t, was.Progress.Offset, other.at[0], "it continues from the checkpoint: "+name)
	}

	if !beside || was.State.Finished() {
		end()
	}
	stopOther()
	require.Equal(t, job, mustGet(t, p, id), "the record: "+name)
	require.Equal(t, files, published(t, p.Bucket), "the published files: "+name)
	require.Empty(t, store.found(), name)
	lines := 0
	for key, content := range files {
		if strings.HasSuffix(key, ".ndjson") {
			lines += strings.Count(content, "\n")
		}
	}
	require.Equal(t, 30, lines, "every line exactly once: "+name)
	return true
}

// finishedWithout returns a channel that is closed if the job finishes without reaching the
// gate.
func finishedWithout(g *gate, store jobs.Store, id string) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-g.stopped:
				return
			case <-time.After(time.Millisecond):
			}
			if job, err := store.Get(context.Background(), id); err == nil && job.State.Finished() {
				close(done)
				return
			}
		}
	}()
	return done
}
