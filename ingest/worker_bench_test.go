package ingest_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
	"github.com/fhirdock/fhirdock/queue"
)

// BenchmarkWorker processes small jobs from wake-up to end, of one organization and of
// several.
//
//	go test -run xxx -bench Worker ./ingest
func BenchmarkWorker(b *testing.B) {
	for _, organizations := range []int{1, 16} {
		for name, open := range map[string]func(b *testing.B) jobs.Store{
			"mem": func(*testing.B) jobs.Store { return jobs.NewMemStore() },
			"sqlite": func(b *testing.B) jobs.Store {
				db, err := sql.Open("sqlite", sqljobs.SQLiteDSN(filepath.Join(b.TempDir(), "jobs.db")))
				require.NoError(b, err)
				b.Cleanup(func() { _ = db.Close() })
				store, err := sqljobs.Open(b.Context(), db, nil)
				require.NoError(b, err)
				return store
			},
		} {
			b.Run(fmt.Sprintf("%s/%d", name, organizations), func(b *testing.B) { benchmarkWorker(b, open(b), organizations) })
		}
	}
}

func benchmarkWorker(b *testing.B, store jobs.Store, organizations int) {
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	topic, subscription := local(&queue.LocalOptions{Capacity: b.N + 1})
	var left atomic.Int64
	left.Store(int64(b.N))
	ctx, stop := context.WithCancel(b.Context())
	svc, err := ingest.New(ingest.Backends{
		Store:        must(blobstore.New(bucket, nil)),
		Publisher:    must(queue.NewPublisher(topic, nil)),
		Subscription: queue.Static(subscription),
		Jobs:         store,
	}, &ingest.Options{
		NoUploads: true,
		Logger:    slog.New(slog.DiscardHandler),
		Observe: func(e ingest.Event) {
			if e.Kind == ingest.EventFinished && left.Add(-1) == 0 {
				stop()
			}
		},
	})
	require.NoError(b, err)
	for i := range b.N {
		who := ingest.Caller{OrganizationID: fmt.Sprintf("org-%d", i%organizations)}
		_, err := svc.Accept(b.Context(), who, ingest.AcceptRequest{Body: strings.NewReader(
			`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient"}}]}`)})
		require.NoError(b, err)
	}
	worker, err := ingest.NewWorker(svc, ingest.HandlerFunc(func(context.Context, *ingest.Batch) error { return nil }), nil)
	require.NoError(b, err)
	b.ResetTimer()
	require.NoError(b, worker.Run(ctx))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
}
