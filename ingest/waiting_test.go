package ingest_test

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// Over the limits new payloads are refused before their body is read, with ErrTooMany for
// one organization and with ErrUnavailable for all. Known ones are not.
func TestTooManyJobsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic, subscription := local(nil)
		bucket, store := memblob.OpenBucket(nil), jobs.NewMemStore()
		svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, &blobstore.Options{Signer: anySigner{}})), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: store}, &ingest.Options{
			MaxWaiting: 6, MaxWaitingPerOrganization: 4, Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		send := func(organization, key string) error {
			_, err := svc.Accept(t.Context(), ingest.Caller{OrganizationID: organization}, ingest.AcceptRequest{Body: strings.NewReader(small), IdempotencyKey: key})
			return err
		}
		for range 4 {
			require.NoError(t, send("a", jobs.NewID()))
		}
		require.NoError(t, send("a", "known"), "the count is at most two seconds old")
		time.Sleep(3 * time.Second)
		unread := strings.NewReader(small)
		_, err = svc.Accept(t.Context(), ingest.Caller{OrganizationID: "a"}, ingest.AcceptRequest{Body: unread})
		require.ErrorIs(t, err, ingest.ErrTooMany)
		require.Equal(t, len(small), unread.Len())
		var refused *ingest.Error
		require.ErrorAs(t, err, &refused)
		require.GreaterOrEqual(t, refused.RetryAfter, 5*time.Second)
		require.NoError(t, send("a", "known"), "a repeat")
		_, err = svc.SignUpload(t.Context(), ingest.Caller{OrganizationID: "a"}, ingest.UploadRequest{ContentType: ndjson})
		require.ErrorIs(t, err, ingest.ErrTooMany)

		require.NoError(t, send("b", ""))
		time.Sleep(3 * time.Second)
		require.ErrorIs(t, send("c", ""), ingest.ErrUnavailable)
		stats, err := svc.Operator().Stats(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, 6, stats.Jobs[jobs.Accepted])

		// Workers finish one job a second, so a refused request gets the time to wait.
		page, err := store.List(t.Context(), jobs.Query{OrganizationID: "a"})
		require.NoError(t, err)
		for _, job := range page.Jobs[:3] {
			time.Sleep(time.Second)
			job.State = jobs.Completed
			require.NoError(t, store.Update(t.Context(), job))
		}
		require.NoError(t, send("a", ""))
		require.NoError(t, topic.Shutdown(t.Context()))
		require.NoError(t, subscription.Shutdown(t.Context()))
	})
}
