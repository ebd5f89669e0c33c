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
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/dirblob"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
	"github.com/fhirdock/fhirdock/queue"
)

// BenchmarkRetention removes small jobs from SQLite and a folder, alone and while others
// are accepted. One in 20 has an outcomes file, and one in 20 has failed.
//
//	go test -run xxx -bench Retention -benchtime 5000x ./ingest
func BenchmarkRetention(b *testing.B) {
	for _, clients := range []int{0, 4} {
		b.Run(fmt.Sprintf("accepting=%d", clients), func(b *testing.B) { benchmarkRetention(b, clients) })
	}
}

func benchmarkRetention(b *testing.B, clients int) {
	dir := b.TempDir()
	bucket, err := dirblob.OpenBucket(dir, nil)
	require.NoError(b, err)
	defer bucket.Close()
	db, err := sql.Open("sqlite", sqljobs.SQLiteDSN(filepath.Join(b.TempDir(), "jobs.db")))
	require.NoError(b, err)
	defer db.Close()
	store, err := sqljobs.Open(b.Context(), db, nil)
	require.NoError(b, err)

	ended := time.Now().Add(-2 * time.Hour)
	var fill errgroup.Group
	fill.SetLimit(64)
	for n := range b.N {
		fill.Go(func() error {
			id := jobs.NewID()
			job := &jobs.Job{
				ID: id, OrganizationID: "a", Source: jobs.Webhook, State: jobs.Completed, MaxAttempts: 3,
				Payload:   jobs.Payload{Bucket: "fhirdock", Key: fmt.Sprintf("incoming/fhir/a/2026/01/02/%s.json", id), Size: int64(len(smallBundle))},
				CreatedAt: ended, UpdatedAt: ended, StartedAt: ended, FinishedAt: ended,
			}
			keys := []string{job.Payload.Key}
			switch n % 20 {
			case 0:
				job.State = jobs.Failed
				keys = append(keys, "staging/outcomes/a/"+id+"/0/0")
			case 10:
				job.OutcomesKey = "outcomes/a/" + id + ".ndjson"
				keys = append(keys, job.OutcomesKey)
			}
			for _, key := range keys {
				if err := bucket.WriteAll(b.Context(), key, []byte(smallBundle), nil); err != nil {
					return err
				}
			}
			return store.Create(b.Context(), job)
		})
	}
	require.NoError(b, fill.Wait())

	ctx, stop := context.WithTimeout(b.Context(), 5*time.Minute)
	defer stop()
	var left atomic.Int64
	left.Store(int64(b.N))
	topic, subscription := local(nil)
	defer func() { _, _ = topic.Shutdown(context.Background()), subscription.Shutdown(context.Background()) }()
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: store}, &ingest.Options{
		NoUploads: true,
		Logger:    slog.New(slog.DiscardHandler),
		Retention: &ingest.Retention{Completed: time.Hour, Failed: time.Hour, Cancelled: time.Hour, Payloads: time.Hour},
		Observe: func(e ingest.Event) {
			if e.Kind == ingest.EventRemoved && e.Code == "record" && left.Add(-1) == 0 {
				stop()
			}
		},
	})
	require.NoError(b, err)
	sweeper, err := ingest.NewSweeper(svc, nil)
	require.NoError(b, err)
	b.ResetTimer()
	var accepted atomic.Int64
	var load errgroup.Group
	for range clients {
		load.Go(func() error {
			for ctx.Err() == nil {
				_, err := svc.Accept(b.Context(), ingest.Caller{OrganizationID: "b"}, ingest.AcceptRequest{Body: strings.NewReader(smallBundle)})
				if err != nil {
					return err
				}
				accepted.Add(1)
			}
			return nil
		})
	}
	require.NoError(b, sweeper.Run(ctx))
	b.StopTimer()
	require.NoError(b, load.Wait())
	require.Zero(b, left.Load())
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	if clients > 0 {
		b.ReportMetric(float64(accepted.Load())/b.Elapsed().Seconds(), "accepted/s")
	}
}

const smallBundle = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient"}}]}`
