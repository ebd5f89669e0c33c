package ingest_test

import (
	"bytes"
	"database/sql"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
	"github.com/fhirdock/fhirdock/queue"
)

// A record that can't be read is left out of the list of jobs, with a warning. It must not
// fail every list, nor block the cursor.
func TestAListWithAnUnreadableRecord(t *testing.T) {
	db, err := sql.Open("sqlite", sqljobs.SQLiteDSN(filepath.Join(t.TempDir(), "jobs.sqlite")))
	require.NoError(t, err)
	defer db.Close()
	store, err := sqljobs.Open(t.Context(), db, nil)
	require.NoError(t, err)
	topic, subscription := local(nil)
	defer topic.Shutdown(t.Context())
	defer subscription.Shutdown(t.Context())
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	var logs bytes.Buffer
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: store}, &ingest.Options{NoUploads: true, Logger: slog.New(slog.NewTextHandler(&logs, nil))})
	require.NoError(t, err)

	at, want := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), 0
	for i := range 7 {
		job := &jobs.Job{
			ID: jobs.NewID(), OrganizationID: "a", State: jobs.Failed, CreatedAt: at.Add(time.Duration(i) * time.Second),
			StartedAt: at, Failure: &jobs.Failure{Code: "handler"},
		}
		require.NoError(t, store.Create(t.Context(), job))
		if i%3 == 0 {
			_, err = db.Exec(`UPDATE fhirdock_jobs SET record = '{"UserID":"s3cret","StartedAt":7}' WHERE id = ?`, job.ID)
			require.NoError(t, err)
			continue
		}
		want++
	}
	who := ingest.Caller{OrganizationID: "a"}
	for _, code := range []string{"", "handler"} {
		for limit := range 8 {
			seen, req := 0, ingest.ListRequest{Limit: limit, Code: code}
			for range 20 {
				page, err := svc.Jobs(t.Context(), who, req)
				require.NoError(t, err)
				seen += len(page.Jobs)
				if req.Cursor = page.Next; req.Cursor == "" {
					break
				}
			}
			require.Empty(t, req.Cursor)
			require.Equal(t, want, seen, "pages of %d", limit)
		}
	}
	done, err := svc.RedriveAll(t.Context(), who, ingest.RedriveRequest{})
	require.NoError(t, err)
	require.Equal(t, want, done.Jobs)
	require.Empty(t, done.Next)
	require.Contains(t, logs.String(), "level=WARN msg=\"jobs that can't be read are left out of a list\"")
	require.NotContains(t, logs.String(), "s3cret")
}
