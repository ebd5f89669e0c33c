package jobstest

import (
	"errors"
	"slices"
	"sync/atomic"

	"github.com/fhirdock/fhirdock/jobs"
)

func remove(t T, s jobs.Store, job *jobs.Job) {
	t.Helper()
	if err := s.Delete(t.Context(), job); err != nil {
		t.Fatalf("delete: %v", err)
	}
}

// deletedIsGone deletes jobs in all states, so that every index is covered.
func deletedIsGone(t T, s jobs.Store) {
	kept := create(t, s, newJob("a", 100))
	for n, state := range jobs.States() {
		job := newJob("a", n)
		job.State = state
		job.StartedAt = job.CreatedAt
		create(t, s, job)
		update(t, s, job)
		remove(t, s, job)
		if _, err := s.Get(t.Context(), job.ID); !errors.Is(err, jobs.ErrNotFound) {
			t.Fatalf("get of a deleted job that was %s: %v, not ErrNotFound", state, err)
		}
		if err := s.Update(t.Context(), job.Clone()); !errors.Is(err, jobs.ErrNotFound) {
			t.Fatalf("update of a deleted job: %v, not ErrNotFound", err)
		}
		if err := s.Delete(t.Context(), job); !errors.Is(err, jobs.ErrNotFound) {
			t.Fatalf("delete of a deleted job: %v, not ErrNotFound", err)
		}
		for _, q := range []jobs.Query{{OrganizationID: "a"}, {OrganizationID: "a", State: state}} {
			for _, listed := range list(t, s, q).Jobs {
				if listed.ID == job.ID {
					t.Fatalf("a deleted job that was %s is listed", state)
				}
			}
		}
	}
	if found := due(t, s, kept.DueAt, 100); len(found) != 1 || found[0].ID != kept.ID {
		t.Fatalf("%d jobs are due after all but one were deleted", len(found))
	}
	same(t, kept, get(t, s, kept.ID))
}

func deletionComparesRevision(t T, s jobs.Store) {
	job := create(t, s, newJob("a", 1))
	old := job.Clone()
	update(t, s, job)
	for _, revision := range []int64{old.Revision, job.Revision + 1, 0} {
		stale := old.Clone()
		stale.Revision = revision
		if err := s.Delete(t.Context(), stale); !errors.Is(err, jobs.ErrConflict) {
			t.Fatalf("delete of revision %d where %d is stored: %v, not ErrConflict", revision, job.Revision, err)
		}
	}
	same(t, job, get(t, s, job.ID))
	unknown := newJob("a", 2)
	unknown.Revision = 1
	if err := s.Delete(t.Context(), unknown); !errors.Is(err, jobs.ErrNotFound) {
		t.Fatalf("delete of an unknown job: %v, not ErrNotFound", err)
	}
}

func racingDeletions(t T, s jobs.Store) {
	for round := range 10 {
		job := create(t, s, newJob("a", round))
		won := race(t, jobs.ErrNotFound, func(int) error {
			err := s.Delete(t.Context(), job.Clone())
			if errors.Is(err, jobs.ErrConflict) { // another deletion is in progress
				err = jobs.ErrNotFound
			}
			return err
		})
		if _, err := s.Get(t.Context(), job.ID); won == 0 || !errors.Is(err, jobs.ErrNotFound) {
			t.Fatalf("%d of %d deletions of one job succeeded, then get returned %v", won, racers, err)
		}
	}
}

func deletionAgainstUpdate(t T, s jobs.Store) {
	errLost := errors.New("lost")
	for round := range 10 {
		job := create(t, s, newJob("a", round))
		var updates, deletions atomic.Int32
		race(t, errLost, func(n int) error {
			do, won := s.Update, &updates
			if n%2 == 0 {
				do, won = s.Delete, &deletions
			}
			err := do(t.Context(), job.Clone())
			if errors.Is(err, jobs.ErrConflict) || errors.Is(err, jobs.ErrNotFound) {
				return errLost
			}
			if err == nil {
				won.Add(1)
			}
			return err
		})
		_, err := s.Get(t.Context(), job.ID)
		switch u, d := updates.Load(), deletions.Load(); {
		case u > 1 || u > 0 && d > 0:
			t.Fatalf("%d updates and %d deletions of one revision succeeded", u, d)
		case (d == 0) != (err == nil): // a deletion in two steps may fail after the first
			t.Fatalf("%d updates and %d deletions of one revision succeeded, then get returned %v", u, d, err)
		}
	}
}

func createdAgain(t T, s jobs.Store) {
	job := create(t, s, newJob("a", 1))
	update(t, s, job)
	remove(t, s, job)
	again := create(t, s, newJob("a", 1))
	if again.Revision != 1 {
		t.Fatalf("a recreated job has revision %d, not 1", again.Revision)
	}
	same(t, again, get(t, s, again.ID))
	if n := len(list(t, s, jobs.Query{OrganizationID: "a"}).Jobs); n != 1 {
		t.Fatalf("%d jobs are listed after one was deleted and created again", n)
	}
}

func organizationsInOrder(t T, s jobs.Store) {
	want := []string{"B", "a", "a-1", "b", "c.d", "\u00e9"} // in the order of their bytes
	for _, org := range []string{"\u00e9", "b", "a-1", "B", "a", "c.d"} {
		for n := range 3 {
			create(t, s, newJob(org, n))
		}
	}
	for limit := 1; limit <= len(want)+1; limit++ {
		var got []string
		for after := ""; ; {
			page, err := s.Organizations(t.Context(), after, limit)
			if err != nil {
				t.Fatalf("organizations: %v", err)
			}
			if len(page) > limit {
				t.Fatalf("got %d organizations for a limit of %d", len(page), limit)
			}
			if len(page) == 0 {
				break
			}
			got, after = append(got, page...), page[len(page)-1]
		}
		if !slices.Equal(got, want) {
			t.Fatalf("organizations, %d at a time: %q, not %q", limit, got, want)
		}
	}
}
