package ingest_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// Options.StoreTimeout is for all calls of a request together, at whichever call the store
// begins to hang.
func TestStoreTimeIsOfAWholeRequest(t *testing.T) {
	ways := map[string]func(context.Context, *ingest.Service) error{
		"Accept": func(ctx context.Context, svc *ingest.Service) error {
			_, err := svc.Accept(ctx, ingest.Caller{OrganizationID: "a"}, ingest.AcceptRequest{Body: strings.NewReader(small)})
			return err
		},
		"Accept under a key": func(ctx context.Context, svc *ingest.Service) error {
			_, err := svc.Accept(ctx, ingest.Caller{OrganizationID: "a"}, ingest.AcceptRequest{Body: strings.NewReader(small), IdempotencyKey: "k"})
			return err
		},
		"SignUpload": func(ctx context.Context, svc *ingest.Service) error {
			_, err := svc.SignUpload(ctx, ingest.Caller{OrganizationID: "a"}, ingest.UploadRequest{ContentType: ndjson, IdempotencyKey: "k"})
			return err
		},
	}
	for name, way := range ways {
		for _, slow := range []time.Duration{time.Hour, 900 * time.Millisecond, 400 * time.Millisecond} { // each call
			t.Run(name+" "+slow.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					topic, subscription := local(nil)
					store := faulttest.Store(jobs.NewMemStore(), func(ctx context.Context, _ faulttest.Call) faulttest.Fault {
						select {
						case <-time.After(slow):
							return faulttest.None
						case <-ctx.Done():
							return faulttest.Hang
						}
					})
					svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), &blobstore.Options{Signer: anySigner{}})), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: store}, &ingest.Options{
						MaxWaiting: 100, MaxWaitingPerOrganization: 100, Logger: slog.New(slog.DiscardHandler),
					})
					require.NoError(t, err)
					began := time.Now()
					err = way(t.Context(), svc)
					require.LessOrEqual(t, time.Since(began), 2500*time.Millisecond)
					if slow < 500*time.Millisecond {
						require.NoError(t, err)
					} else if slow > time.Second {
						require.ErrorIs(t, err, ingest.ErrUnavailable)
					}
					require.NoError(t, topic.Shutdown(t.Context()))
					require.NoError(t, subscription.Shutdown(t.Context()))
				})
			})
		}
	}
}

// While one request counts the waiting jobs, others don't wait for it.
func TestOneRequestCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic, subscription := local(nil)
		store := faulttest.Store(jobs.NewMemStore(), func(_ context.Context, c faulttest.Call) faulttest.Fault {
			if c.Kind == faulttest.StoreCount {
				return faulttest.Hang
			}
			return faulttest.None
		})
		svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), &blobstore.Options{Signer: anySigner{}})), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: store}, &ingest.Options{
			MaxWaiting: 100, Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		send := func() error {
			_, err := svc.Accept(t.Context(), ingest.Caller{OrganizationID: "a"}, ingest.AcceptRequest{Body: strings.NewReader(small)})
			return err
		}
		counts := make(chan error, 1)
		go func() { counts <- send() }()
		synctest.Wait()
		began := time.Now()
		require.NoError(t, send())
		require.Zero(t, time.Since(began))
		require.NoError(t, <-counts, "admitted without a count")
		require.NoError(t, topic.Shutdown(t.Context()))
		require.NoError(t, subscription.Shutdown(t.Context()))
	})
}
