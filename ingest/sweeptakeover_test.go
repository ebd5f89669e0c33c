package ingest_test

import (
	"context"
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

// knownDead are processes, some of which are known to be dead.
type knownDead struct {
	name string
	dead map[string]bool
}

func (k knownDead) Name() string          { return k.name }
func (k knownDead) Dead(name string) bool { return k.dead[name] }

// The jobs of a process known to be dead continue in another process with the first sweep.
// Those of one that may be alive wait until their lease ends.
func TestADeadProcessIsTakenOverAtOnce(t *testing.T) {
	for name, dead := range map[string]bool{"dead": true, "silent": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bucket, store := memblob.OpenBucket(nil), jobs.NewMemStore()
				start := func(p ingest.Processes, h ingest.HandlerFunc) (svc *ingest.Service, stop func()) {
					topic, subscription := local(nil)
					svc, err := ingest.New(ingest.Backends{
						Store:        must(blobstore.New(bucket, nil)),
						Publisher:    must(queue.NewPublisher(topic, nil)),
						Subscription: queue.Static(subscription),
						Jobs:         store,
						Processes:    p,
					}, &ingest.Options{NoUploads: true})
					require.NoError(t, err)
					ctx, cancel := context.WithCancel(context.Background())
					ended := make(chan error)
					go func() { ended <- ingest.Run(ctx, svc, h, nil) }()
					return svc, func() {
						cancel()
						require.NoError(t, <-ended)
						require.NoError(t, topic.Shutdown(context.Background()))
						require.NoError(t, subscription.Shutdown(context.Background()))
					}
				}
				stuck, release := make(chan struct{}), make(chan struct{})
				first, stopFirst := start(knownDead{name: "first"}, func(context.Context, *ingest.Batch) error {
					close(stuck)
					<-release
					return nil
				})
				receipt, err := first.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
				require.NoError(t, err)
				<-stuck
				job, err := store.Get(t.Context(), receipt.Job.ID)
				require.NoError(t, err)
				require.True(t, strings.HasPrefix(job.LeaseOwner, "first/"))

				time.Sleep(time.Second)
				began := time.Now()
				done := make(chan time.Duration, 1)
				_, stopSecond := start(knownDead{name: "second", dead: map[string]bool{"first": dead}}, func(context.Context, *ingest.Batch) error {
					done <- time.Since(began)
					return nil
				})
				if dead {
					require.Less(t, <-done, time.Second)
				} else {
					select {
					case took := <-done:
						t.Fatalf("taken over after %s, although it may be alive", took)
					case <-time.After(20 * time.Second):
					}
				}
				close(release)
				time.Sleep(time.Second) // receive wake-ups already sent
				stopFirst()
				stopSecond()
				require.NoError(t, bucket.Close())
			})
		})
	}
}

// The leases of a dead process are found, however many uploads will be due soon.
func TestADeadProcessIsTakenOverBesideUploads(t *testing.T) {
	eachStore(t, func(t *testing.T, store jobs.Store) {
		svc, rescued := seesRescues(t, memblob.OpenBucket(nil), store, knownDead{name: "second", dead: map[string]bool{"dead": true}})
		createMany(t, store, 600, func(j *jobs.Job) {
			j.Source, j.State, j.Upload = jobs.PresignedUpload, jobs.AwaitingUpload, &jobs.Upload{ExpiresAt: j.CreatedAt.Add(time.Hour)}
			j.DueAt = j.DueAt.Add(25 * time.Second)
		})
		heldByTheDead(t, store, time.Now().Add(30*time.Second))
		_, err := newSweeper(t, svc, nil).Sweep(t.Context())
		require.NoError(t, err)
		require.Len(t, rescued, 1)
	}, "uploads")
}
