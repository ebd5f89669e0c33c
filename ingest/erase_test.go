package ingest_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/ingest/sink"
	"github.com/fhirdock/fhirdock/jobs"
)

const hour = time.Hour

// full fills an archive with jobs of two organizations in all states, an open ticket, an
// adopted object, orphans and outputs, and returns the first organization's jobs.
func (a *archive) full(t *testing.T) (erased, kept []*jobs.Job, ticket *jobs.Job) {
	t.Helper()
	for _, org := range []string{"a", "a-1"} {
		var all []*jobs.Job
		for _, state := range jobs.States() {
			all = append(all, a.ended(t, org, state, func(j *jobs.Job) {
				j.OrganizationName, j.UserID = "name of "+org, "user"
				if !state.Finished() {
					j.FinishedAt, j.DueAt = time.Time{}, time.Now().Add(30*time.Second)
				}
				if state == jobs.Processing {
					j.LeaseOwner, j.Attempt = "w", 1
				}
				if state == jobs.AwaitingUpload {
					j.Source, j.StartedAt = jobs.PresignedUpload, time.Time{}
					j.Upload = &jobs.Upload{ExpiresAt: time.Now().Add(hour)}
				}
			}))
		}
		all = append(all, a.ended(t, org, jobs.Completed, func(j *jobs.Job) { j.Source, j.Payload.Key = jobs.Adopted, "drop/"+org+"/x y.json" }))
		for _, job := range all {
			require.NoError(t, a.bucket.WriteAll(t.Context(), "processed/"+org+"/"+job.ID+"/Patient.ndjson", []byte("{}"), nil))
		}
		require.NoError(t, a.bucket.WriteAll(t.Context(), "incoming/fhir/"+org+"/2000/01/01/"+jobs.NewID()+".json", []byte("{}"), nil))
		require.NoError(t, a.bucket.WriteAll(t.Context(), "drop/"+org+"/not yet.json", []byte("{}"), nil))
		if org == "a" {
			erased, ticket = all, all[0]
		} else {
			kept = all
		}
	}
	return erased, kept, ticket
}

// of returns an organization's keys.
func (a *archive) of(t *testing.T, org string) (found []string) {
	t.Helper()
	for _, key := range keys(t, a.bucket) {
		if strings.Contains(key, "/"+org+"/") {
			found = append(found, key)
		}
	}
	return found
}

func (a *archive) records(t *testing.T, org string) []*jobs.Job {
	t.Helper()
	page, err := a.store.List(t.Context(), jobs.Query{OrganizationID: org, Limit: jobs.MaxPage})
	require.NoError(t, err)
	return page.Jobs
}

func (a *archive) lake(t *testing.T) *sink.Lake {
	t.Helper()
	lake, err := sink.NewLake(must(blobstore.New(a.bucket, nil)), nil)
	require.NoError(t, err)
	return lake
}

var adoptsByKey = &ingest.Adoption{Prefix: "drop"}

func TestEraseOrganization(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive()
		erased, kept, ticket := a.full(t)
		var events []ingest.Event
		svc := a.service(t, nil, &ingest.Options{Adopt: adoptsByKey, Observe: func(e ingest.Event) {
			if e.Kind == ingest.EventErased {
				events = append(events, e)
			}
		}})
		req := ingest.EraseRequest{OrganizationID: "a", Handler: a.lake(t), DryRun: true}
		before, others := a.of(t, "a"), a.of(t, "a-1")
		counted, err := svc.Erase(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, before, a.of(t, "a"), "a dry run changes nothing")
		require.Len(t, a.records(t, "a"), len(erased))
		require.Empty(t, events)

		began := time.Now()
		req.DryRun = false
		done, err := svc.Erase(t.Context(), req)
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(began), 30*time.Second, "the worker may write until its lease ends")
		require.Empty(t, a.of(t, "a"))
		require.Equal(t, counted, done, "the dry run counted the same")
		require.EqualValues(t, len(erased), done.Jobs)
		require.EqualValues(t, 3, done.Cancelled)
		require.EqualValues(t, len(before), done.Stored.Objects+done.Outputs.Objects)
		require.EqualValues(t, 1, done.Tickets)
		require.Equal(t, ticket.Upload.ExpiresAt.Add(24*hour).UTC(), done.TicketsUntil)
		require.Len(t, events, 1)

		left := a.records(t, "a")
		require.Len(t, left, 1)
		require.Equal(t, ticket.ID, left[0].ID)
		require.Empty(t, left[0].OrganizationName+left[0].UserID)

		require.Equal(t, others, a.of(t, "a-1"), "another organization keeps everything")
		require.Len(t, a.records(t, "a-1"), len(kept))

		// A PUT to the ticket's URL is removed, and not adopted.
		require.NoError(t, a.bucket.WriteAll(t.Context(), ticket.Payload.Key, []byte("{}"), nil))
		require.NoError(t, svc.ObjectCreated(t.Context(), notify.ObjectCreated{Key: ticket.Payload.Key}))
		require.Empty(t, a.of(t, "a"))

		// Erasing again has nothing to do and doesn't wait for the ticket.
		began = time.Now()
		done, err = svc.Erase(t.Context(), req)
		require.NoError(t, err)
		require.Less(t, time.Since(began), time.Second)
		require.EqualValues(t, 1, done.Tickets)

		// An upload whose notification was lost is removed with the tombstone.
		require.NoError(t, a.bucket.WriteAll(t.Context(), ticket.Payload.Key, []byte("{}"), nil))
		worker, err := ingest.NewWorker(svc, a.lake(t), nil)
		require.NoError(t, err)
		time.Sleep(24 * hour)
		_ = worker.Work(t.Context(), ticket.ID)
		require.Len(t, a.records(t, "a"), 1, "it may still come")
		time.Sleep(2 * hour)
		_ = worker.Work(t.Context(), ticket.ID)
		require.Empty(t, a.records(t, "a"))
		require.Empty(t, a.of(t, "a"))
	})
}

func TestEraseJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive()
		all, _, _ := a.full(t)
		svc := a.service(t, nil, &ingest.Options{Adopt: adoptsByKey})
		before := a.of(t, "a")
		for n, job := range all[1:] {
			repeat := strings.TrimSuffix(job.Payload.Key, ".json") + "-0a1b2c3d.json"
			if job.Source != jobs.Adopted {
				require.NoError(t, a.bucket.WriteAll(t.Context(), repeat, []byte("{}"), nil))
			}
			done, err := svc.Erase(t.Context(), ingest.EraseRequest{OrganizationID: "a", JobID: job.ID, Handler: a.lake(t)})
			require.NoError(t, err)
			require.EqualValues(t, 1, done.Jobs)
			require.Empty(t, a.kept(t, job), job.State)
			require.Len(t, a.of(t, "a"), len(before)-5*(n+1), "a job that was %s", job.State)
			_, err = svc.Erase(t.Context(), ingest.EraseRequest{OrganizationID: "a", JobID: job.ID})
			require.ErrorIs(t, err, ingest.ErrNotFound)
		}
		_, err := svc.Erase(t.Context(), ingest.EraseRequest{OrganizationID: "a-1", JobID: all[0].ID})
		require.ErrorIs(t, err, ingest.ErrNotFound, "another organization's job")
		for _, org := range []string{"", "../a", "a/b"} {
			_, err := svc.Erase(t.Context(), ingest.EraseRequest{OrganizationID: org})
			require.ErrorIs(t, err, ingest.ErrForbidden)
		}
	})
}

// An organization that continues to send is not erased, and Erase returns an error.
func TestEraseWhileTheOrganizationSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive()
		a.ended(t, "a", jobs.Completed, nil)
		var sends atomic.Bool
		sends.Store(true)
		svc := a.service(t, func(_ context.Context, c faulttest.Call) faulttest.Fault {
			if c.Kind == faulttest.StoreDelete && sends.Load() {
				a.ended(t, "a", jobs.Completed, nil)
			}
			return faulttest.None
		}, &ingest.Options{})
		done, err := svc.Erase(t.Context(), ingest.EraseRequest{OrganizationID: "a"})
		require.ErrorIs(t, err, ingest.ErrInFlight)
		require.Positive(t, done.Jobs)
		require.Contains(t, strings.Join(done.Unreached, "\n"), "outputs of the handler")
		sends.Store(false)
		_, err = svc.Erase(t.Context(), ingest.EraseRequest{OrganizationID: "a"})
		require.NoError(t, err)
		require.Empty(t, a.records(t, "a"))
	})
}

// A worker may start clearing a cancelled job just before its record is removed.
func TestEraseWhileAWorkerClearsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive()
		job := a.ended(t, "a", jobs.Cancelled, func(j *jobs.Job) { j.DueAt = time.Now().Add(jobs.Overdue) })
		var begun atomic.Bool
		svc := a.service(t, func(_ context.Context, c faulttest.Call) faulttest.Fault {
			if c.Kind == faulttest.StoreDelete && begun.CompareAndSwap(false, true) {
				_, err := jobs.Change(t.Context(), a.store, job.ID, func(j *jobs.Job) error { return j.Clear(time.Now(), time.Minute) })
				require.NoError(t, err)
			}
			return faulttest.None
		}, &ingest.Options{})
		done, err := svc.Erase(t.Context(), ingest.EraseRequest{OrganizationID: "a"})
		require.NoError(t, err)
		require.EqualValues(t, 1, done.Jobs)
		require.True(t, begun.Load())
		require.Empty(t, a.records(t, "a"))
	})
}

// Wherever erasing is interrupted: every object that is left has a record or is below the
// organization's prefixes, other organizations lose nothing, and erasing again completes
// it.
func TestInterruptedErase(t *testing.T) {
	run := func(t *testing.T, plan faulttest.Plan) {
		synctest.Test(t, func(t *testing.T) {
			a := newArchive()
			_, kept, ticket := a.full(t)
			others := a.of(t, "a-1")
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			req := ingest.EraseRequest{OrganizationID: "a", Handler: a.lake(t)}
			_, err := a.service(t, plan, &ingest.Options{Adopt: adoptsByKey}).Erase(ctx, req)
			if err == nil {
				require.Empty(t, a.of(t, "a"))
			}
			for _, key := range a.of(t, "a") { // only the records lead to adopted objects
				if strings.HasSuffix(key, "x y.json") {
					require.Greater(t, len(a.records(t, "a")), 1, "%s is left without a record", key)
				}
			}
			_, err = a.service(t, nil, &ingest.Options{Adopt: adoptsByKey}).Erase(t.Context(), req)
			require.NoError(t, err)
			require.Empty(t, a.of(t, "a"))
			left := a.records(t, "a")
			require.Len(t, left, 1)
			require.Equal(t, ticket.ID, left[0].ID)
			require.True(t, left[0].Buried())
			require.Equal(t, others, a.of(t, "a-1"))
			require.Len(t, a.records(t, "a-1"), len(kept))
		})
	}
	recorder := &faulttest.Recorder{}
	run(t, recorder.Plan(nil))
	counts := recorder.Count()
	n := 0
	for _, kind := range []faulttest.Kind{
		faulttest.StoreGet, faulttest.StoreUpdate, faulttest.StoreDelete, faulttest.StoreList, faulttest.BucketDelete, faulttest.BucketList,
	} {
		require.Positive(t, counts[kind], kind)
		for nth := 1; nth <= counts[kind]; nth++ {
			for _, fault := range []faulttest.Fault{faulttest.Before, faulttest.After, faulttest.Hang, faulttest.HangAfter, faulttest.Late, faulttest.Double} {
				n++
				t.Run(fmt.Sprintf("%s %d %s", kind, nth, fault), func(t *testing.T) { run(t, faulttest.NthCall(kind, nth, fault)) })
			}
		}
	}
	t.Logf("%d faults", n)
}
