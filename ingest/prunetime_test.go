package ingest_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// A removal that has begun when the time of a sweep is over is finished, however slow the
// store is.
func TestRemovalFinishesWhatItBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive()
		var all []*jobs.Job
		for range 20 {
			all = append(all, a.ended(t, "a", jobs.Completed, nil))
		}
		time.Sleep(2 * time.Hour)
		slow := func(_ context.Context, c faulttest.Call) faulttest.Fault {
			if c.Kind == faulttest.StoreUpdate || c.Kind == faulttest.StoreDelete {
				time.Sleep(1500 * time.Millisecond)
			}
			return faulttest.None
		}
		removed := make(chan string, len(all))
		svc := a.service(t, slow, &ingest.Options{Retention: &ingest.Retention{Completed: time.Hour}, Observe: func(e ingest.Event) {
			if e.Kind == ingest.EventRemoved {
				removed <- e.JobID
			}
		}})
		_, err := newSweeper(t, svc, nil).Sweep(t.Context())
		require.NoError(t, err)
		require.Len(t, removed, len(all))
		for _, job := range all {
			require.Equal(t, "ss", a.kept(t, job))
		}
	})
}

// A payload that can't be removed does not hold up older jobs.
func TestRemovalSkipsAJobThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive()
		var old []*jobs.Job
		for range 1100 { // more than one page
			old = append(old, a.ended(t, "a", jobs.Completed, nil))
			time.Sleep(time.Millisecond)
		}
		stuck := old[len(old)-1] // the newest is read first
		time.Sleep(2 * time.Hour)
		hang := func(_ context.Context, c faulttest.Call) faulttest.Fault {
			if c.Kind == faulttest.BucketDelete && strings.Contains(c.Key, stuck.ID) {
				return faulttest.Hang
			}
			return faulttest.None
		}
		sweeper := newSweeper(t, a.service(t, hang, &ingest.Options{Retention: &ingest.Retention{Completed: time.Hour}}), nil)
		var failed []error
		for range 4 {
			_, err := sweeper.Sweep(t.Context())
			failed = append(failed, err)
		}
		require.ErrorContains(t, failed[0], stuck.ID)
		for _, job := range old[:len(old)-1] {
			require.Equal(t, "ss", a.kept(t, job))
		}
		require.Equal(t, "rposs", a.kept(t, stuck))
		sweepFor(t, a.service(t, nil, &ingest.Options{Retention: &ingest.Retention{Completed: time.Hour}}), time.Minute)
		require.Equal(t, "ss", a.kept(t, stuck))
	})
}
