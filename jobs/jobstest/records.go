package jobstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"context"

	"github.com/fhirdock/fhirdock/jobs"
)

func roundTrip(t T, s jobs.Store) {
	job := newJob("a", 1)
	create(t, s, job)
	if job.Revision != 1 {
		t.Fatalf("a created job has revision %d, not 1", job.Revision)
	}
	same(t, job, get(t, s, job.ID))
}

func same(t T, want, got *jobs.Job) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("the job differs from what was written:\nwant %+v\ngot %+v", want, got)
	}
}

// everyField fills all fields by reflection, so that it covers fields added later.
func everyField(t T, s jobs.Store) {
	job := &jobs.Job{}
	n := 0
	fill(reflect.ValueOf(job).Elem(), &n)
	job.ID, job.Revision = jobs.NewID(), 7 // Create must set it
	job.State = jobs.Processing
	create(t, s, job)
	if job.Revision != 1 {
		t.Fatalf("a created job has revision %d, not 1", job.Revision)
	}
	everywhere(t, s, job)

	next := job.Clone()
	fill(reflect.ValueOf(next).Elem(), &n)
	next.ID, next.OrganizationID, next.CreatedAt, next.Revision = job.ID, job.OrganizationID, job.CreatedAt, job.Revision
	update(t, s, next)
	if next.Revision != 2 {
		t.Fatalf("an updated job has revision %d, not 2", next.Revision)
	}
	everywhere(t, s, next)

	empty := &jobs.Job{ID: next.ID, OrganizationID: next.OrganizationID, CreatedAt: next.CreatedAt, Revision: next.Revision}
	update(t, s, empty)
	same(t, empty, get(t, s, job.ID))
}

// everywhere checks that Get, List and Due return the whole job, the only one of its
// organization.
func everywhere(t T, s jobs.Store, want *jobs.Job) {
	t.Helper()
	same(t, want, get(t, s, want.ID))
	listed := list(t, s, jobs.Query{OrganizationID: want.OrganizationID}).Jobs
	found := due(t, s, want.DueAt, 10)
	if len(listed) != 1 || len(found) != 1 {
		t.Fatalf("%d jobs are listed and %d due, not one", len(listed), len(found))
	}
	same(t, want, listed[0])
	same(t, want, found[0])
}

// fill sets v and everything in it to distinct values.
func fill(v reflect.Value, n *int) {
	*n++
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = start.Add(time.Duration(*n) * time.Microsecond)
		return
	case *json.RawMessage:
		*x = json.RawMessage(fmt.Sprintf(`[{"n":%d}]`, *n))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 200 {
			*n++
			v.SetMapIndex(reflect.ValueOf(fmt.Sprintf("Type%d", *n)), reflect.ValueOf(int64(*n)).Convert(v.Type().Elem()))
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d é \"\\\u2028", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n) + 1<<40)
	default:
		panic("jobstest: fill does not support fields of kind " + v.Kind().String())
	}
}

func times(t T, s jobs.Store) {
	job := newJob("a", 1)
	zone := time.FixedZone("somewhere", 3600)
	job.DueAt = time.Date(2030, 1, 2, 3, 4, 5, 123_456_789, zone)
	job.StartedAt = job.DueAt
	create(t, s, job)
	got := get(t, s, job.ID)
	want := time.Date(2030, 1, 2, 2, 4, 5, 123_456_000, time.UTC)
	if got.DueAt != want || got.StartedAt != want {
		t.Fatalf("times are %v and %v, not %v", got.DueAt, got.StartedAt, want)
	}
	if !got.FinishedAt.IsZero() || got.FinishedAt != (time.Time{}) {
		t.Fatalf("a zero time came back as %v", got.FinishedAt)
	}
}

func copiesIn(t T, s jobs.Store) {
	job := newJob("a", 1)
	job.ResourceCounts = map[string]int64{"Patient": 1}
	job.Upload = &jobs.Upload{Size: 1}
	create(t, s, job)
	job.ResourceCounts["Patient"], job.Upload.Size = 2, 2
	if got := get(t, s, job.ID); got.ResourceCounts["Patient"] != 1 || got.Upload.Size != 1 {
		t.Fatalf("changing a job after Create changed the store")
	}
	update(t, s, job)
	job.ResourceCounts["Patient"], job.Upload.Size = 3, 3
	if got := get(t, s, job.ID); got.ResourceCounts["Patient"] != 2 || got.Upload.Size != 2 {
		t.Fatalf("changing a job after Update changed the store")
	}
}

func copiesOut(t T, s jobs.Store) {
	job := newJob("a", 1)
	job.ResourceCounts = map[string]int64{"Patient": 1}
	create(t, s, job)
	due, err := s.Due(t.Context(), job.DueAt, 10)
	if err != nil || len(due) != 1 {
		t.Fatalf("due: %d jobs, %v", len(due), err)
	}
	page, err := s.List(t.Context(), jobs.Query{OrganizationID: "a"})
	if err != nil || len(page.Jobs) != 1 {
		t.Fatalf("list: %v", err)
	}
	for _, got := range []*jobs.Job{get(t, s, job.ID), due[0], page.Jobs[0]} {
		got.ResourceCounts["Patient"] = 2
		got.State = jobs.Failed
		if again := get(t, s, job.ID); again.ResourceCounts["Patient"] != 1 || again.State != jobs.Accepted {
			t.Fatalf("changing a returned job changed the store")
		}
	}
}

func exists(t T, s jobs.Store) {
	job := create(t, s, newJob("a", 1))
	for _, org := range []string{"a", "b"} {
		other := newJob(org, 2)
		other.ID = job.ID
		if err := s.Create(t.Context(), other); !errors.Is(err, jobs.ErrExists) {
			t.Fatalf("create of an existing id in organization %s: %v, not ErrExists", org, err)
		}
	}
	same(t, job, get(t, s, job.ID))
}

func notFound(t T, s jobs.Store) {
	create(t, s, newJob("a", 1))
	other := newJob("a", 2)
	if _, err := s.Get(t.Context(), other.ID); !errors.Is(err, jobs.ErrNotFound) {
		t.Fatalf("get: %v, not ErrNotFound", err)
	}
	other.Revision = 1
	if err := s.Update(t.Context(), other); !errors.Is(err, jobs.ErrNotFound) {
		t.Fatalf("update: %v, not ErrNotFound", err)
	}
}

func compareAndSet(t T, s jobs.Store) {
	job := create(t, s, newJob("a", 1))
	old := job.Clone()
	job.State = jobs.Processing
	update(t, s, job)
	for _, revision := range []int64{old.Revision, job.Revision + 1, 0} {
		stale := old.Clone()
		stale.Revision = revision
		if err := s.Update(t.Context(), stale); !errors.Is(err, jobs.ErrConflict) {
			t.Fatalf("update of revision %d over %d: %v, not ErrConflict", revision, job.Revision, err)
		}
	}
}

func conflictChangesNothing(t T, s jobs.Store) {
	job := create(t, s, newJob("a", 1))
	update(t, s, job)
	stale := job.Clone()
	stale.Revision, stale.State, stale.DueAt = 1, jobs.Failed, time.Time{}
	if err := s.Update(t.Context(), stale); err == nil {
		t.Fatalf("a stale update succeeded")
	}
	if stale.Revision != 1 {
		t.Fatalf("a stale update set the revision to %d", stale.Revision)
	}
	same(t, job, get(t, s, job.ID))
}

func identity(t T, s jobs.Store) {
	job := create(t, s, newJob("a", 1))
	changed := job.Clone()
	changed.OrganizationID, changed.CreatedAt, changed.State = "b", job.CreatedAt.Add(time.Hour), jobs.Failed
	_ = s.Update(t.Context(), changed) // may fail, or ignore those fields
	got := get(t, s, job.ID)
	if got.OrganizationID != "a" || !got.CreatedAt.Equal(job.CreatedAt) {
		t.Fatalf("an update changed the organization or the time of creation")
	}
	page, err := s.List(t.Context(), jobs.Query{OrganizationID: "b"})
	if err != nil || len(page.Jobs) != 0 {
		t.Fatalf("another organization lists the job; error %v", err)
	}
}

const racers = 16

// race calls do concurrently and returns how many calls succeeded. The others must fail
// with lost.
func race(t T, lost error, do func(n int) error) int {
	t.Helper()
	var won atomic.Int32
	errs := make(chan error, racers)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for n := range racers {
		wg.Go(func() {
			<-begin
			err := do(n)
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, lost) {
				errs <- err
			}
		})
	}
	close(begin)
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Fatalf("a racer failed with %v, not %v", err, lost)
	}
	return int(won.Load())
}

func racingUpdates(t T, s jobs.Store) {
	job := create(t, s, newJob("a", 1))
	for range 10 {
		won := race(t, jobs.ErrConflict, func(n int) error {
			mine := job.Clone()
			mine.LeaseOwner = fmt.Sprint(n)
			return s.Update(t.Context(), mine)
		})
		if won != 1 {
			t.Fatalf("%d of %d updates of one revision succeeded", won, racers)
		}
		job = get(t, s, job.ID)
	}
}

func racingCreates(t T, s jobs.Store) {
	for round := range 10 {
		won := race(t, jobs.ErrExists, func(n int) error {
			job := newJob("a", round)
			job.UserID = fmt.Sprint(n)
			return s.Create(t.Context(), job)
		})
		if won != 1 {
			t.Fatalf("%d of %d creations of one id succeeded", won, racers)
		}
	}
}

func noLostChange(t T, s jobs.Store) {
	job := create(t, s, newJob("a", 1))
	const each = 5
	won := race(t, nil, func(int) error {
		for range each {
			_, err := jobs.Change(t.Context(), s, job.ID, func(j *jobs.Job) error { j.Progress.Done++; return nil })
			if err != nil {
				return err
			}
		}
		return nil
	})
	if got := get(t, s, job.ID).Progress.Done; won != racers || got != racers*each {
		t.Fatalf("%d changes were made, but %d are stored", racers*each, got)
	}
}

func endedContext(t T, s jobs.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	job := newJob("a", 1)
	if err := s.Create(ctx, job); err == nil {
		t.Fatalf("create succeeded under a context that has ended")
	}
	if _, err := s.Get(t.Context(), job.ID); !errors.Is(err, jobs.ErrNotFound) {
		t.Fatalf("create under an ended context created the job: %v", err)
	}
	job = create(t, s, newJob("a", 1))
	if err := s.Update(ctx, job.Clone()); err == nil {
		t.Fatalf("update succeeded under a context that has ended")
	}
	if _, err := s.Get(ctx, job.ID); err == nil || errors.Is(err, jobs.ErrNotFound) {
		t.Fatalf("get under a context that has ended: %v", err)
	}
	if _, err := s.List(ctx, jobs.Query{OrganizationID: "a"}); err == nil {
		t.Fatalf("list succeeded under a context that has ended")
	}
	if _, err := s.Due(ctx, start, 1); err == nil {
		t.Fatalf("due succeeded under a context that has ended")
	}
	if err := s.Ready(ctx); err == nil {
		t.Fatalf("ready succeeded under a context that has ended")
	}
	if err := s.Delete(ctx, job.Clone()); err == nil || errors.Is(err, jobs.ErrNotFound) {
		t.Fatalf("delete under a context that has ended: %v", err)
	}
	if _, err := s.Organizations(ctx, "", 1); err == nil {
		t.Fatalf("organizations succeeded under a context that has ended")
	}
	same(t, job, get(t, s, job.ID))
}

func durable(t T, s jobs.Store) {
	r, ok := s.(Reopener)
	if !ok {
		return // the store does not promise durability
	}
	job := create(t, s, newJob("a", 1))
	job.State = jobs.Processing
	update(t, s, job)
	s = r.Reopen(t)
	same(t, job, get(t, s, job.ID))
	due, err := s.Due(t.Context(), job.DueAt, 1)
	if err != nil || len(due) != 1 {
		t.Fatalf("due after reopening: %d jobs, %v", len(due), err)
	}
	if err := s.Create(t.Context(), newJob("a", 1)); !errors.Is(err, jobs.ErrExists) {
		t.Fatalf("create after reopening: %v, not ErrExists", err)
	}
}
