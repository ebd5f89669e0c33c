package httpapi_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// The handler's context ends within a second after the DELETE, at any time, for a worker
// that only learns of it from the job store.
func TestCancelEndsTheHandlerWithinASecond(t *testing.T) {
	for _, lease := range []time.Duration{0, time.Second, time.Minute} { // 0: the default
		for _, after := range []time.Duration{0, time.Millisecond, 500 * time.Millisecond, 999 * time.Millisecond, 10 * time.Second, 10*time.Second + time.Millisecond, time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				store, bucket := jobs.NewMemStore(), memblob.OpenBucket(nil)
				quiet := slog.New(slog.DiscardHandler)
				topic, subscription := local(nil)
				svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Subscription: queue.Static(subscription), Jobs: store}, &ingest.Options{NoUploads: true, Logger: quiet})
				require.NoError(t, err)
				tokens, err := auth.ParseTokens("t=o")
				require.NoError(t, err)
				door := must(httpapi.New(svc, tokens, &httpapi.Options{Logger: quiet}))
				began, ended := make(chan struct{}), make(chan error, 1)
				worker, err := ingest.NewWorker(svc, ingest.HandlerFunc(func(ctx context.Context, _ *ingest.Batch) error {
					close(began)
					<-ctx.Done()
					ended <- context.Cause(ctx)
					return ctx.Err()
				}), &ingest.WorkerOptions{Lease: lease})
				require.NoError(t, err)
				ctx, stop := context.WithCancel(t.Context())
				stopped := make(chan error, 1)
				go func() { stopped <- worker.Run(ctx) }()

				send := func(method, path string) *httptest.ResponseRecorder {
					r := httptest.NewRequest(method, path, strings.NewReader(small))
					r.Header.Set("Authorization", "Bearer t")
					r.Header.Set("Content-Type", fhirJSON)
					w := httptest.NewRecorder()
					door.ServeHTTP(w, r)
					return w
				}
				location := send("POST", bundlePath).Header().Get("Location")
				<-began
				time.Sleep(after)
				select {
				case err := <-ended:
					t.Fatal("the handler ended before the job was cancelled:", err)
				default:
				}
				asked := time.Now()
				require.Equal(t, 202, send("DELETE", location).Code)
				require.ErrorIs(t, <-ended, jobs.ErrLeaseLost)
				require.LessOrEqual(t, time.Since(asked), time.Second, "lease %s, cancelled after %s", lease, after)
				require.Contains(t, send("GET", location).Body.String(), `"cancelled"`)

				time.Sleep(time.Second) // to receive the cancelled job's wake-up
				stop()
				require.NoError(t, <-stopped)
				require.NoError(t, topic.Shutdown(context.WithoutCancel(ctx)))
				require.NoError(t, subscription.Shutdown(context.WithoutCancel(ctx)))
				require.NoError(t, bucket.Close())
			})
		}
	}
}
