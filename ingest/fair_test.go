package ingest_test

import (
	"context"
	"flag"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

var flood = flag.Int("flood", 5000, "how many jobs of one organization wait before another's single one")

// An organization has so many jobs waiting that their wake-ups fill the queue, and
// the wake-up of another's single job is lost. Where the store can tell what waits,
// that one is worked on within the time of some jobs; where it can't, behind all
// whose wake-ups are there.
//
//	go test -run Flood -v ./ingest -flood 100000
func TestASingleJobBehindAFlood(t *testing.T) {
	for name, c := range map[string]struct {
		wrap          func(*jobs.MemStore) jobs.Store
		first, second int64 // claims of the flood before the single job's, at most
	}{
		"fair": {func(m *jobs.MemStore) jobs.Store { return m }, 8 + 4, 64 + 2*4},
		"not":  {func(m *jobs.MemStore) jobs.Store { return struct{ jobs.Store }{m} }, -1, -1},
	} {
		t.Run(name, func(t *testing.T) {
			store := jobs.NewMemStore()
			bucket := memblob.OpenBucket(nil)
			defer bucket.Close()
			line := []byte(`{"resourceType":"Patient"}` + "\n")
			require.NoError(t, bucket.WriteAll(t.Context(), "payload", line, nil))
			topic, subscription := local(nil)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()

			create := func(org string) string {
				now := time.Now()
				job := &jobs.Job{
					ID: jobs.NewID(), OrganizationID: org, State: jobs.Accepted, MaxAttempts: 3, CreatedAt: now, DueAt: now.Add(time.Hour),
					Payload: jobs.Payload{Key: "payload", Size: int64(len(line)), Format: "ndjson", Validated: true},
				}
				require.NoError(t, store.Create(context.Background(), job))
				return job.ID
			}
			var claims, began, waited atomic.Int64 // of the flood; when the single job was accepted; behind it
			waited.Store(-1)
			var single, second string
			svc, err := ingest.New(ingest.Backends{
				Bucket: bucket, Topic: topic, Subscription: queue.Static(subscription), Jobs: c.wrap(store),
			}, &ingest.Options{NoUploads: true, Logger: slog.New(slog.DiscardHandler), Observe: func(e ingest.Event) {
				if e.Kind != ingest.EventClaimed {
					return
				}
				job, err := store.Get(context.Background(), e.JobID)
				if err != nil {
					t.Error(err)
					return
				}
				if job.OrganizationID == "small" {
					if e.JobID == single {
						waited.Store(claims.Load())
					} else {
						stop()
					}
					return
				}
				switch n := claims.Add(1); {
				case n == 1000: // the flood goes on
					began.Store(n)
					second = create("small")
				case n == 4000 && waited.Load() < 0:
					stop()
				}
			}})
			require.NoError(t, err)
			pub := must(queue.NewPublisher(topic, nil))
			for range *flood {
				_ = pub.Publish(t.Context(), queue.Message{JobID: create("big")}) // until the queue is full
			}
			single = create("small")
			worker, err := ingest.NewWorker(svc, ingest.HandlerFunc(func(context.Context, *ingest.Batch) error { return nil }), nil)
			require.NoError(t, err)
			require.NoError(t, worker.Run(ctx))
			if c.first < 0 {
				require.Negative(t, waited.Load(), "it is still waiting")
				t.Logf("of %d jobs, %d were worked on before the single one, and no end", *flood, claims.Load())
				return
			}
			behind := claims.Load() - began.Load()
			t.Logf("of %d jobs, %d were worked on before the single one, and %d before one that came later", *flood, waited.Load(), behind)
			require.LessOrEqual(t, waited.Load(), c.first)
			require.NotEmpty(t, second)
			require.LessOrEqual(t, behind, c.second)
		})
	}
}
