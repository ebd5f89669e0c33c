package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// away is a job store that fails for a while.
type away struct {
	jobs.Store
	left  atomic.Int32           // failures to come
	never atomic.Pointer[string] // a job that can't be read
	calls atomic.Int32
}

func (a *away) Get(ctx context.Context, id string) (*jobs.Job, error) {
	a.calls.Add(1)
	if never := a.never.Load(); a.left.Add(-1) >= 0 || never != nil && *never == id {
		return nil, errors.New("store is away")
	}
	return a.Store.Get(ctx, id)
}

// An object that could not be looked at is retried until it can, however long that takes,
// and not in a hot loop.
func TestListenerOutlivesAStoreThatIsAway(t *testing.T) {
	for name, open := range openQueues {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const outage = 10 * time.Minute
				defer time.Sleep(time.Second) // of synthetic time, for mempubsub to notice that it was shut down
				topic, sub := open()
				defer shutdown(t, topic, sub)
				wakeups, unread := local(nil)
				defer shutdown(t, wakeups, unread)
				store := &away{Store: jobs.NewMemStore()}
				bucket := memblob.OpenBucket(nil)
				defer bucket.Close()
				signer, err := signedurl.NewSigner(&url.URL{Scheme: "http", Host: "localhost", Path: "/v1/objects"}, bytes.Repeat([]byte{1}, 32), nil)
				require.NoError(t, err)
				var mu sync.Mutex
				events := map[ingest.EventKind]map[string]int{ingest.EventAccepted: {}, ingest.EventObjectIgnored: {}}
				svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, &blobstore.Options{Signer: signer})), Publisher: must(queue.NewPublisher(wakeups, nil)), Jobs: store}, &ingest.Options{
					Logger: slog.New(slog.DiscardHandler),
					Observe: func(e ingest.Event) {
						mu.Lock()
						defer mu.Unlock()
						if of := events[e.Kind]; of != nil {
							of[e.JobID+e.Code]++
						}
					},
				})
				require.NoError(t, err)
				want := map[string]int{}
				for i := range 6 {
					ticket, err := svc.SignUpload(t.Context(), caller, ingest.UploadRequest{ContentType: ndjson})
					require.NoError(t, err)
					want[ticket.Job.ID] = 1
					require.NoError(t, bucket.WriteAll(t.Context(), ticket.Job.Payload.Key, patients(1), &blob.WriterOptions{ContentType: ndjson}))
					require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte("poison")}))
					require.NoError(t, topic.Send(t.Context(), notification(t, i, ticket.Job.Payload.Key)))
				}
				store.left.Store(1 << 30)
				n, err := ingest.NewListener(svc, queue.Static(sub), nil)
				require.NoError(t, err)
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- n.Run(ctx) }()

				time.Sleep(outage)
				require.Less(t, store.calls.Load(), int32(4*3*outage/time.Second), "4 concurrent looks, 3 a second each")
				require.Greater(t, store.calls.Load(), int32(outage/time.Second), "it continues to look")
				store.left.Store(0)
				time.Sleep(time.Minute)
				stop()
				require.NoError(t, <-done)
				require.Equal(t, want, events[ingest.EventAccepted])
				require.Equal(t, map[string]int{"junk": 6}, events[ingest.EventObjectIgnored])
			})
		})
	}
}

// A message is done when each of its objects was looked at: a failure does not hold up the
// others, and is retried.
func TestListenerLooksAtAllOfAMessage(t *testing.T) {
	store := &away{Store: jobs.NewMemStore()}
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Jobs: store})
	ids, keys := uploads(t, p, 3)
	var records []string
	for _, key := range keys {
		records = append(records, strings.TrimSuffix(strings.TrimPrefix(string(notification(t, 0, key).Body), `{"Records":[`), "]}"))
	}
	records = append(records, `{"eventVersion":"2.1","eventName":"ObjectRemoved:Delete"}`)
	topic, sub := local(nil)
	store.never.Store(&ids[0])
	require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)}))
	stop := startListener(t, p, sub)
	p.WaitFor(t, ids[1], accepted)
	p.WaitFor(t, ids[2], accepted)
	_, ignored := counts(p, ingest.EventObjectIgnored)
	require.Empty(t, ignored, "the message is not done yet")
	store.never.Store(nil)
	require.Eventually(t, func() bool { _, n := counts(p, ingest.EventObjectIgnored); return len(n) > 0 }, 10*time.Second, time.Millisecond)
	stop()
	for _, id := range ids {
		require.Equal(t, jobs.Accepted, mustGet(t, p, id).State)
	}
	_, ignored = counts(p, ingest.EventObjectIgnored)
	require.Equal(t, map[string]int{"other_event": 1}, ignored, "counted once although the message was received twice")
	byJob, _ := counts(p, ingest.EventAccepted)
	require.Len(t, byJob, 3)
}

// The largest possible notification ends in bounded time even if each look is slow: objects
// not looked at by then are notified again, and none is lost.
func TestLargeNotification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic, unread := local(nil)
		defer shutdown(t, topic, unread)
		bucket := memblob.OpenBucket(nil)
		defer bucket.Close()
		store := &slow{Store: jobs.NewMemStore(), took: 50 * time.Millisecond}
		svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: store}, &ingest.Options{
			Logger: slog.New(slog.DiscardHandler), NoUploads: true, Adopt: &ingest.Adoption{Prefix: "d"},
		})
		require.NoError(t, err)
		const objects = 8000
		var body strings.Builder
		body.WriteString(`{"Records":[`)
		for i := range objects {
			key := fmt.Sprintf("d/o/%d.json", i)
			require.NoError(t, bucket.WriteAll(t.Context(), key, []byte(small), nil))
			fmt.Fprintf(&body, `{"eventVersion":"2.1","eventName":"ObjectCreated:","s3":{"bucket":{"name":"fhirdock"},"object":{"key":%q}}},`, key)
		}
		message := []byte(strings.TrimSuffix(body.String(), ",") + `]}`)
		for tries := 1; ; tries++ {
			began := time.Now()
			looked, err := svc.Notification(t.Context(), message, nil)
			require.LessOrEqual(t, time.Since(began), 26*time.Second)
			require.Equal(t, objects, looked.Processed+looked.Failed)
			if err == nil {
				require.Greater(t, tries, 1, "the store was too quick for this test")
				break
			}
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Less(t, tries, 20)
			store.took /= 2 // repeats would succeed in the end; this is sooner
		}
		page, err := svc.Jobs(t.Context(), ingest.Caller{OrganizationID: "o"}, ingest.ListRequest{Limit: jobs.MaxPage})
		require.NoError(t, err)
		require.Len(t, page.Jobs, jobs.MaxPage)
		require.EqualValues(t, objects, store.created.Load())
	})
}

type slow struct {
	jobs.Store
	took    time.Duration
	created atomic.Int32
}

func (s *slow) Get(ctx context.Context, id string) (*jobs.Job, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(s.took):
	}
	return s.Store.Get(ctx, id)
}

func (s *slow) Create(ctx context.Context, j *jobs.Job) error {
	err := s.Store.Create(ctx, j)
	if err == nil {
		s.created.Add(1)
	}
	return err
}
