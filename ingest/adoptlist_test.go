package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/dirblob"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// The sweeper finds objects whose notification was lost.
func TestAdoptedWithoutANotification(t *testing.T) {
	folder, err := dirblob.OpenBucket(t.TempDir(), nil)
	require.NoError(t, err)
	defer folder.Close()
	for name, change := range map[string]func(*ingesttest.Options){
		"memblob": nil,
		"dirblob": func(o *ingesttest.Options) { o.Bucket = folder },
	} {
		t.Run(name, func(t *testing.T) {
			p := adopting(t, change)
			put(t, p, dropped, "", patients(3))
			put(t, p, "drop/other-org/a/b/c.json", "application/json", []byte(small))
			for range 3 {
				p.Advance(t, time.Minute)
			}
			for _, organization := range []string{ingesttest.Organization, ingesttest.OtherOrganization} {
				there := adopted(t, p, organization)
				require.Len(t, there, 1)
				require.Equal(t, jobs.Completed, p.Wait(t, there[0].ID).State)
			}
			require.NoError(t, p.Service.ObjectCreated(t.Context(), created(dropped)), "its notification comes late")
			require.Len(t, adopted(t, p, ingesttest.Organization), 1)
		})
	}
}

// A new object may still be being written, and its notification may still come.
func TestListingLeavesNewObjectsAlone(t *testing.T) {
	p := adopting(t, func(o *ingesttest.Options) { o.Service.Adopt.ListEvery = time.Hour })
	put(t, p, dropped, "", patients(3))
	p.Advance(t, time.Minute)
	require.Empty(t, adopted(t, p, ingesttest.Organization))
}

// lookedAt counts how often Owner is called for each object.
type lookedAt struct {
	mu   sync.Mutex
	keys map[string]int
}

func (l *lookedAt) owner(fail string) func(context.Context, *blobstore.Object) (ingest.Caller, error) {
	l.keys = map[string]int{}
	return func(_ context.Context, o *blobstore.Object) (ingest.Caller, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.keys[o.Key]++
		if fail != "" && strings.Contains(o.Key, fail) {
			return ingest.Caller{}, errors.New("away")
		}
		return ingest.Caller{OrganizationID: ingesttest.Organization}, nil
	}
}

func (l *lookedAt) total() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, times := range l.keys {
		n += times
	}
	return n
}

// Each part of the listing is bounded, the next one continues, and no object is looked at
// twice.
func TestListingContinues(t *testing.T) {
	var looked lookedAt
	p := adopting(t, func(o *ingesttest.Options) {
		o.NoWorker, o.Service.Adopt.Owner, o.Service.Adopt.ListEvery = true, looked.owner(""), time.Millisecond
	})
	const objects = 2300
	for i := range objects {
		put(t, p, fmt.Sprintf("drop/test-org/%04d.ndjson", i), "", patients(1))
	}
	time1 := time.Now()
	require.Eventually(t, func() bool { return time.Since(time1) > 2*time.Millisecond }, time.Second, time.Millisecond)
	for part := 1; part <= 8; part++ {
		p.Advance(t, time.Minute)
		require.Equal(t, min(500*part, objects), looked.total())
	}
	put(t, p, "drop/test-org/0000a.ndjson", "", patients(1))
	require.Eventually(t, func() bool {
		p.Advance(t, time.Minute)
		return looked.total() == objects+1
	}, 10*time.Second, 2*time.Millisecond, "later objects")
	byJob, _ := counts(p, ingest.EventAccepted)
	require.Len(t, byJob, objects+1)
	// Not every sweep lists.
	put(t, p, "drop/test-org/0000b.ndjson", "", patients(1))
	_, err := p.Sweeper.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, objects+1, looked.total())
}

// Objects that can't be looked at don't hold up the listing, and are retried.
func TestListingSkipsFailures(t *testing.T) {
	var looked lookedAt
	p := adopting(t, func(o *ingesttest.Options) {
		o.NoWorker, o.Service.Adopt.Owner = true, looked.owner("bad")
	})
	for i := range 1200 {
		put(t, p, fmt.Sprintf("drop/test-org/%04d-bad.ndjson", i), "", patients(1))
	}
	put(t, p, "drop/test-org/good.ndjson", "", patients(1))
	require.Eventually(t, func() bool {
		p.Clock.Advance(time.Minute)
		_, err := p.Sweeper.Sweep(t.Context())
		return len(adopted(t, p, ingesttest.Organization)) == 1 && err == nil || looked.total() > 10_000
	}, 20*time.Second, time.Millisecond)
	require.Len(t, adopted(t, p, ingesttest.Organization), 1)
	require.NotContains(t, p.Logs(), "good")
}
