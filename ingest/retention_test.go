package ingest_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// archive is a bucket and a job store with finished jobs.
type archive struct {
	bucket *blob.Bucket
	store  *jobs.MemStore
}

func newArchive() *archive { return &archive{memblob.OpenBucket(nil), jobs.NewMemStore()} }

// service returns a process over the archive, with synctest's clock.
func (a *archive) service(t *testing.T, plan faulttest.Plan, opts *ingest.Options) *ingest.Service {
	t.Helper()
	o := *opts
	o.NoUploads, o.Logger = true, slog.New(slog.NewTextHandler(io.Discard, nil))
	topic, subscription := local(nil)
	t.Cleanup(func() { _, _ = topic.Shutdown(context.Background()), subscription.Shutdown(context.Background()) })
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(faulttest.Bucket(a.bucket, plan), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: faulttest.Store(a.store, plan)}, &o)
	require.NoError(t, err)
	return svc
}

// ended adds a job that ends now, with everything that may be kept of it.
func (a *archive) ended(t *testing.T, org string, state jobs.State, change func(*jobs.Job)) *jobs.Job {
	t.Helper()
	now, id := time.Now(), jobs.NewID()
	job := &jobs.Job{
		ID: id, OrganizationID: org, Source: jobs.Webhook, State: state, MaxAttempts: 3,
		Payload:     jobs.Payload{Bucket: "fhirdock", Key: fmt.Sprintf("incoming/fhir/%s/%s/%s.json", org, now.UTC().Format("2006/01/02"), id)},
		OutcomesKey: "outcomes/" + org + "/" + id + ".ndjson",
		CreatedAt:   now, UpdatedAt: now, StartedAt: now, FinishedAt: now,
	}
	if change != nil {
		change(job)
	}
	require.NoError(t, a.store.Create(t.Context(), job))
	for _, key := range a.keysOf(job) {
		require.NoError(t, a.bucket.WriteAll(t.Context(), key, []byte("{}"), nil))
	}
	return job
}

func (a *archive) keysOf(job *jobs.Job) []string {
	part := "/" + job.OrganizationID + "/" + job.ID + "/0/00000000000000000000-00000000000000000009"
	return []string{job.Payload.Key, job.OutcomesKey, "staging/outcomes" + part, "staging/lake" + part}
}

// kept returns what exists of a job: r, p, o and s for its record, payload, outcomes and
// parts.
func (a *archive) kept(t *testing.T, job *jobs.Job) string {
	t.Helper()
	var kept strings.Builder
	if _, err := a.store.Get(t.Context(), job.ID); err == nil {
		kept.WriteString("r")
	}
	for i, key := range a.keysOf(job) {
		there, err := a.bucket.Exists(t.Context(), key)
		require.NoError(t, err)
		if there {
			kept.WriteByte("poss"[i])
		}
	}
	return kept.String()
}

// sweepFor sweeps until nothing more is removed.
func sweepFor(t *testing.T, svc *ingest.Service, d time.Duration) {
	t.Helper()
	sweeper := newSweeper(t, svc, nil)
	for range int(d / (5 * time.Second)) {
		_, err := sweeper.Sweep(t.Context())
		require.NoError(t, err)
		time.Sleep(5 * time.Second)
	}
}

func TestRetentionRemovesEachPartInItsTime(t *testing.T) {
	const hour = time.Hour
	for name, c := range map[string]struct {
		retention ingest.Retention
		// what is kept of a completed, failed, cancelled and expired job, after 1.5 hours and
		// after 4
		early, late [4]string
	}{
		"nothing":   {ingest.Retention{}, [4]string{"rposs", "rposs", "rposs", "rposs"}, [4]string{"rposs", "rposs", "rposs", "rposs"}},
		"completed": {ingest.Retention{Completed: hour}, [4]string{"ss", "rposs", "rposs", "rposs"}, [4]string{"ss", "rposs", "rposs", "rposs"}},
		"failed":    {ingest.Retention{Failed: 3 * hour}, [4]string{"rposs", "rposs", "rposs", "rposs"}, [4]string{"rposs", "", "rposs", "rposs"}},
		"others":    {ingest.Retention{Cancelled: hour, Expired: 3 * hour}, [4]string{"rposs", "rposs", "ss", "rposs"}, [4]string{"rposs", "rposs", "ss", "ss"}},
		"payloads":  {ingest.Retention{Payloads: hour}, [4]string{"ross", "rposs", "ross", "rposs"}, [4]string{"ross", "rposs", "ross", "rposs"}},
		"outcomes":  {ingest.Retention{Payloads: hour, Outcomes: 3 * hour}, [4]string{"ross", "rposs", "ross", "rposs"}, [4]string{"rss", "rposs", "rss", "rposs"}},
		"staging":   {ingest.Retention{Staging: hour}, [4]string{"rpo", "rpo", "rpo", "rpo"}, [4]string{"rpo", "rpo", "rpo", "rpo"}},
		"all": {ingest.Retention{Completed: 3 * hour, Failed: 3 * hour, Cancelled: 3 * hour, Expired: 3 * hour, Payloads: hour, Outcomes: hour, Staging: hour},
			[4]string{"r", "rpo", "r", "rpo"}, [4]string{"", "", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArchive()
				var all []*jobs.Job
				for _, org := range []string{"a", "b-1"} {
					for _, state := range []jobs.State{jobs.Completed, jobs.Failed, jobs.Cancelled, jobs.Expired} {
						all = append(all, a.ended(t, org, state, nil))
					}
				}
				var removed atomic.Int64
				svc := a.service(t, nil, &ingest.Options{Retention: &c.retention, Observe: func(e ingest.Event) {
					if e.Kind == ingest.EventRemoved {
						removed.Add(1)
					}
				}})
				check := func(want [4]string) {
					for i, job := range all {
						require.Equal(t, want[i%4], a.kept(t, job), "job of %s that is %s", job.OrganizationID, job.State)
					}
				}
				sweepFor(t, svc, 50*time.Minute)
				check([4]string{"rposs", "rposs", "rposs", "rposs"})
				sweepFor(t, svc, 40*time.Minute)
				check(c.early)
				time.Sleep(2 * hour)
				sweepFor(t, svc, 30*time.Minute)
				check(c.late)
				require.Equal(t, c.late != [4]string{"rposs", "rposs", "rposs", "rposs"}, removed.Load() > 0)
			})
		})
	}
}

// A redriven job's record does not name the outcomes file of the earlier run if it failed
// or was cancelled; nor does a record name a file whose worker died before it recorded the
// end.
func TestRemovalTakesOutcomesThatTheRecordDoesNotName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive()
		svc := a.service(t, nil, &ingest.Options{Retention: &ingest.Retention{Failed: time.Minute, Cancelled: time.Minute}})
		for _, state := range []jobs.State{jobs.Failed, jobs.Cancelled} {
			for _, job := range []*jobs.Job{
				a.ended(t, "a", state, func(j *jobs.Job) { j.Run = 1 }),
				a.ended(t, "a", state, func(j *jobs.Job) { j.Progress.Rejected = 3 }),
			} {
				_, err := jobs.Change(t.Context(), a.store, job.ID, func(j *jobs.Job) error { j.OutcomesKey = ""; return nil })
				require.NoError(t, err)
			}
		}
		sweepFor(t, svc, 2*time.Minute)
		for _, key := range keys(t, a.bucket) {
			require.False(t, strings.HasPrefix(key, "outcomes/"), key)
		}
	})
}

// Everything that is still needed is kept, however old it is.
func TestRetentionKeepsWhatIsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive()
		retention := &ingest.Retention{Completed: time.Minute, Failed: time.Minute, Cancelled: time.Minute, Expired: time.Minute, Payloads: time.Minute, Outcomes: time.Minute, Staging: time.Minute}
		svc := a.service(t, nil, &ingest.Options{Retention: retention, Adopt: &ingest.Adoption{Prefix: "drop", MaxAge: 24 * time.Hour}})
		unfinished := func(j *jobs.Job) { j.FinishedAt, j.DueAt = time.Time{}, time.Now().Add(100*time.Hour) }
		kept := map[string]*jobs.Job{
			"accepted":   a.ended(t, "a", jobs.Accepted, unfinished),
			"processing": a.ended(t, "a", jobs.Processing, unfinished),
			"uploaded with a URL that is valid": a.ended(t, "a", jobs.Completed, func(j *jobs.Job) {
				j.Source, j.Upload = jobs.PresignedUpload, &jobs.Upload{ExpiresAt: time.Now().Add(2 * time.Hour)}
			}),
			"cancelled and not cleared":      a.ended(t, "a", jobs.Cancelled, func(j *jobs.Job) { j.DueAt = time.Now().Add(100 * time.Hour) }),
			"expired, its upload looked for": a.ended(t, "a", jobs.Expired, func(j *jobs.Job) { j.DueAt = time.Now().Add(100 * time.Hour) }),
		}
		adopted := a.ended(t, "a", jobs.Completed, func(j *jobs.Job) { j.Source, j.Payload.Key = jobs.Adopted, "drop/a/x.json" })
		var old *jobs.Job
		sweepFor(t, svc, time.Hour)
		for what, job := range kept {
			require.True(t, strings.HasPrefix(a.kept(t, job), "rpo"), "%s: %q", what, a.kept(t, job))
		}
		require.Equal(t, "rpo", a.kept(t, adopted), "it would be adopted again")
		// A redriven job does not count from its creation.
		old = a.ended(t, "a", jobs.Completed, func(j *jobs.Job) { j.CreatedAt = time.Now().Add(-50 * time.Hour) })
		sweepFor(t, svc, 30*time.Second)
		require.Equal(t, "rposs", a.kept(t, old))
		sweepFor(t, svc, 2*time.Minute)
		require.Empty(t, a.kept(t, old))
		time.Sleep(25 * time.Hour)
		sweepFor(t, svc, time.Minute)
		require.Equal(t, "p", a.kept(t, adopted), "the object is not ours")
		require.Empty(t, a.kept(t, kept["uploaded with a URL that is valid"]))
	})
}

// A job whose payload was removed reports it, and can't be redriven.
func TestNoRedriveWithoutAPayload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive()
		svc := a.service(t, nil, &ingest.Options{Retention: &ingest.Retention{Payloads: time.Minute}})
		job := a.ended(t, caller.OrganizationID, jobs.Completed, nil)
		sweepFor(t, svc, 2*time.Minute)
		there, err := svc.Job(t.Context(), caller, job.ID)
		require.NoError(t, err)
		require.False(t, there.Payload.RemovedAt.IsZero())
		_, err = svc.Redrive(t.Context(), caller, job.ID)
		require.ErrorIs(t, err, ingest.ErrState)
		require.ErrorIs(t, err, jobs.ErrState)
	})
}

func TestRetentionThatCannotWork(t *testing.T) {
	for want, r := range map[string]ingest.Retention{
		"Retention.Failed must be 0":    {Failed: -1},
		"Retention.Staging must be 0":   {Staging: time.Millisecond},
		"needs Payloads":                {Outcomes: time.Hour},
		"Outcomes needs Payloads and m": {Outcomes: time.Hour, Payloads: 2 * time.Hour},
	} {
		topic, _ := local(nil)
		_, err := ingest.New(ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()}, &ingest.Options{NoUploads: true, Retention: &r})
		require.ErrorContains(t, err, want)
	}
}

// If a process dies anywhere during a removal, every object that is left has a record,
// nothing needed is lost, and the next process removes the rest.
func TestInterruptedRemoval(t *testing.T) {
	retention := &ingest.Retention{Completed: 2 * time.Hour, Failed: 2 * time.Hour, Cancelled: 2 * time.Hour, Expired: 2 * time.Hour, Payloads: time.Hour, Outcomes: time.Hour, Staging: time.Hour}
	// run lets jobs age, sweeps under a plan, and then as a new process.
	run := func(t *testing.T, plan faulttest.Plan) {
		synctest.Test(t, func(t *testing.T) {
			a := newArchive()
			var old []*jobs.Job
			for _, state := range []jobs.State{jobs.Completed, jobs.Failed, jobs.Cancelled, jobs.Expired} {
				old = append(old, a.ended(t, "a", state, nil))
			}
			time.Sleep(2*time.Hour + time.Minute)
			young := a.ended(t, "a", jobs.Failed, nil)
			sweeper := newSweeper(t, a.service(t, plan, &ingest.Options{Retention: retention}), nil)
			for range 5 {
				_, _ = sweeper.Sweep(t.Context())
				time.Sleep(5 * time.Second)
			}
			for _, job := range old {
				if kept := a.kept(t, job); strings.Trim(kept, "s") != "" {
					require.Contains(t, kept, "r", "objects are left without a record")
				}
			}
			require.Equal(t, "rposs", a.kept(t, young))
			sweepFor(t, a.service(t, nil, &ingest.Options{Retention: retention}), time.Minute)
			for _, job := range old {
				require.Empty(t, a.kept(t, job), "%s job", job.State)
			}
			require.Equal(t, "rposs", a.kept(t, young))
		})
	}
	recorder := &faulttest.Recorder{}
	run(t, recorder.Plan(nil))
	counts := recorder.Count()
	require.Positive(t, counts[faulttest.StoreDelete])
	n := 0
	for _, kind := range []faulttest.Kind{
		faulttest.StoreGet, faulttest.StoreUpdate, faulttest.StoreDelete, faulttest.StoreList, faulttest.StoreOrganizations,
		faulttest.BucketDelete, faulttest.BucketList, faulttest.BucketAttributes,
	} {
		for nth := 1; nth <= counts[kind]; nth++ {
			for _, fault := range []faulttest.Fault{faulttest.Before, faulttest.After, faulttest.Hang, faulttest.HangAfter, faulttest.Late, faulttest.Double} {
				n++
				t.Run(fmt.Sprintf("%s %d %s", kind, nth, fault), func(t *testing.T) { run(t, faulttest.NthCall(kind, nth, fault)) })
			}
			// From here on every call fails, as if the process were dead.
			var dead atomic.Bool
			t.Run(fmt.Sprintf("%s %d dead", kind, nth), func(t *testing.T) {
				at := faulttest.NthCall(kind, nth, faulttest.Before)
				run(t, func(ctx context.Context, c faulttest.Call) faulttest.Fault {
					if fault := at(ctx, c); fault != faulttest.None {
						dead.Store(true)
					}
					if dead.Load() {
						return faulttest.Before
					}
					return faulttest.None
				})
			})
		}
	}
	t.Logf("%d faults", n)
}

// Orphans are found and counted, and only removed on request.
func TestOrphans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive()
		svc := a.service(t, nil, &ingest.Options{Retention: &ingest.Retention{Completed: time.Hour, Payloads: time.Hour}})
		known := a.ended(t, "a", jobs.Failed, nil)
		var lost []string
		for n := range 25 {
			org := []string{"a", "b"}[n%2]
			key := fmt.Sprintf("incoming/fhir/%s/2000/01/01/%s.json", org, jobs.NewID())
			lost = append(lost, key)
			require.NoError(t, a.bucket.WriteAll(t.Context(), key, []byte("{}"), nil))
		}
		// An object of a repeat under an Idempotency-Key, whose job has another payload.
		repeat := strings.TrimSuffix(known.Payload.Key, ".json") + "-0a1b2c3d.json"
		require.NoError(t, a.bucket.WriteAll(t.Context(), repeat, []byte("{}"), nil))
		require.NoError(t, a.bucket.WriteAll(t.Context(), "incoming/fhir/a/readme.json", []byte("{}"), nil))
		lost = append(lost, repeat)
		find := func(req ingest.OrphansRequest) (keys []string, removed int) {
			for {
				page, err := svc.Orphans(t.Context(), req)
				require.NoError(t, err)
				for _, o := range page.Found {
					require.EqualValues(t, 2, o.Bytes)
					keys = append(keys, o.Key)
				}
				removed += page.Removed
				if req.Cursor = page.Next; req.Cursor == "" {
					return keys, removed
				}
			}
		}
		keys, _ := find(ingest.OrphansRequest{})
		require.Empty(t, keys, "their jobs may not be recorded yet")
		sweepFor(t, svc, 3*time.Hour)
		keys, removed := find(ingest.OrphansRequest{Limit: 4})
		require.ElementsMatch(t, lost, keys)
		require.Zero(t, removed)
		keys, _ = find(ingest.OrphansRequest{OrganizationID: "b"})
		require.Len(t, keys, 12)
		_, removed = find(ingest.OrphansRequest{Limit: 4, Remove: true})
		require.Equal(t, len(lost), removed)
		keys, _ = find(ingest.OrphansRequest{})
		require.Empty(t, keys)
		require.Equal(t, "rposs", a.kept(t, known))
		for _, req := range []ingest.OrphansRequest{{MinAge: time.Second}, {Limit: 1001}, {Limit: -1}, {Cursor: "%"}, {OrganizationID: "../x"}} {
			_, err := svc.Orphans(t.Context(), req)
			require.Error(t, err)
		}
		require.True(t, slices.IsSorted(keys))
	})
}
