package jobstest

import (
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

func due(t T, s jobs.Store, now time.Time, limit int) []*jobs.Job {
	t.Helper()
	found, err := s.Due(t.Context(), now, limit)
	if err != nil {
		t.Fatalf("due: %v", err)
	}
	return found
}

func dueTime(t T, s jobs.Store) {
	job := create(t, s, newJob("a", 1))
	if n := len(due(t, s, job.DueAt.Add(-time.Microsecond), 10)); n != 0 {
		t.Fatalf("a job is due a microsecond before its time")
	}
	found := due(t, s, job.DueAt, 10)
	if len(found) != 1 {
		t.Fatalf("a job is not due at its time")
	}
	same(t, job, found[0])
}

func neverDue(t T, s jobs.Store) {
	job := newJob("a", 1)
	job.DueAt = time.Time{}
	create(t, s, job)
	if n := len(due(t, s, start.AddDate(100, 0, 0), 10)); n != 0 {
		t.Fatalf("a job without a due time is due")
	}
}

func dueOrder(t T, s jobs.Store) {
	for _, n := range []int{5, 3, 9, 1, 7} {
		create(t, s, newJob("a", n))
	}
	found := due(t, s, start.Add(8*time.Second), 3)
	if len(found) != 3 {
		t.Fatalf("%d jobs are due for a limit of 3", len(found))
	}
	for i, n := range []int64{1, 3, 5} {
		if found[i].Payload.Size != n {
			t.Fatalf("job %d is at position %d", found[i].Payload.Size, i)
		}
	}
	if n := len(due(t, s, start.Add(8*time.Second), 10)); n != 4 {
		t.Fatalf("%d jobs are due, not 4", n)
	}
}

// A job whose worker died is found at once, however many jobs have been due for longer.
func dueLeases(t T, s jobs.Store) {
	now := start.Add(25 * time.Second)
	var leases []*jobs.Job
	for _, n := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 21, 20, 26} {
		job := newJob("a", n)
		if n >= 20 {
			job.State, job.LeaseOwner, job.Attempt, job.StartedAt = jobs.Processing, "w/1", 1, start
			leases = append(leases, job)
		}
		create(t, s, job)
	}
	want := func(limit int, want ...int64) {
		t.Helper()
		var got []int64
		for _, job := range due(t, s, now, limit) {
			got = append(got, job.Payload.Size)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("jobs are due in the order of their numbers, 20 and 21 are being processed: with limit %d, due returned %d, not %d", limit, got, want)
		}
	}
	want(1, 20)
	want(2, 20, 21)
	want(4, 20, 21, 0, 1)
	want(20, 20, 21, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	leases[1].State = jobs.Accepted // of number 20
	update(t, s, leases[1])
	want(2, 21, 0)
	want(20, 21, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20)
}

func dueFollows(t T, s jobs.Store) {
	a, b := create(t, s, newJob("a", 1)), create(t, s, newJob("a", 2))
	now := start.Add(time.Minute)
	a.DueAt = now.Add(time.Second)
	update(t, s, a)
	if found := due(t, s, now, 10); len(found) != 1 || found[0].ID != b.ID {
		t.Fatalf("a postponed job is still due")
	}
	b.DueAt = time.Time{}
	update(t, s, b)
	if n := len(due(t, s, now, 10)); n != 0 {
		t.Fatalf("a job whose due time was removed is still due")
	}
	b.DueAt = now
	update(t, s, b)
	if found := due(t, s, now.Add(time.Hour), 10); len(found) != 2 || found[0].ID != b.ID {
		t.Fatalf("a job that was given a due time again is not due, or not in order")
	}
}

// waits: a job whose handler asked to wait is next, and can be claimed, at its time and not
// before. WaitingSince survives the next claim.
func waits(t T, s jobs.Store) {
	job := create(t, s, newJob("a", 1))
	now, until := start.Add(time.Minute), start.Add(time.Hour)
	for range 2 {
		claim, err := job.Take(now, "w/1", time.Minute)
		if err != nil {
			t.Fatalf("a waiting job can't be claimed at its time: %v", err)
		}
		update(t, s, job)
		if err := job.Wait(now, *claim, jobs.Failure{Code: "waiting", At: now}, until, 24*time.Hour); err != nil {
			t.Fatalf("wait: %v", err)
		}
		update(t, s, job)
		if n := len(next(t, s, jobs.NextQuery{Now: until.Add(-time.Microsecond)})); n != 0 {
			t.Fatalf("a waiting job is next before its time")
		}
		if n := len(next(t, s, jobs.NextQuery{Now: until})); n != 1 {
			t.Fatalf("a waiting job is not next at its time")
		}
		if n := len(due(t, s, until, 10)); n != 0 {
			t.Fatalf("a job that is next is due too")
		}
		job = get(t, s, job.ID)
		if _, err := job.Clone().Take(until.Add(-time.Microsecond), "w/2", time.Minute); err == nil {
			t.Fatalf("a waiting job can be claimed before its time")
		}
		if want := start.Add(time.Minute); job.WaitingSince != want || job.Attempt != 0 {
			t.Fatalf("WaitingSince is %v and Attempt %d, not %v and 0", job.WaitingSince, job.Attempt, want)
		}
		now, until = until, until.Add(time.Hour)
	}
}

func list(t T, s jobs.Store, q jobs.Query) *jobs.Page {
	t.Helper()
	page, err := s.List(t.Context(), q)
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	return page
}

func isolation(t T, s jobs.Store) {
	for n := range 5 {
		create(t, s, newJob("a", n))
		create(t, s, newJob("b", n))
	}
	page := list(t, s, jobs.Query{OrganizationID: "a", Limit: 2})
	// A cursor of another organization's page must not give access to its jobs.
	next := list(t, s, jobs.Query{OrganizationID: "b", Cursor: page.Next})
	for _, job := range append(list(t, s, jobs.Query{OrganizationID: "b"}).Jobs, next.Jobs...) {
		if job.OrganizationID != "b" {
			t.Fatalf("an organization lists another's job")
		}
	}
	for _, org := range []string{"", "c", "A", "%"} {
		if n := len(list(t, s, jobs.Query{OrganizationID: org}).Jobs); n != 0 {
			t.Fatalf("organization %q lists %d jobs", org, n)
		}
	}
}

func listOrder(t T, s jobs.Store) {
	for _, n := range []int{2, 0, 1} {
		create(t, s, newJob("a", n))
	}
	twin := newJob("a", 1)
	twin.ID = jobs.DerivedID("twin")
	create(t, s, twin)
	got := list(t, s, jobs.Query{OrganizationID: "a"}).Jobs
	if len(got) != 4 {
		t.Fatalf("%d jobs, not 4", len(got))
	}
	for i := 1; i < len(got); i++ {
		a, b := got[i-1], got[i]
		if a.CreatedAt.Before(b.CreatedAt) || a.CreatedAt.Equal(b.CreatedAt) && a.ID <= b.ID {
			t.Fatalf("position %d is not in order", i)
		}
	}
}

// pages reads all pages. It calls between before each one but the first.
func pages(t T, s jobs.Store, q jobs.Query, between func()) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for range 100 {
		page := list(t, s, q)
		if len(page.Jobs) > q.Limit {
			t.Fatalf("a page has %d jobs, more than its limit %d", len(page.Jobs), q.Limit)
		}
		for _, job := range page.Jobs {
			seen[job.ID]++
		}
		if page.Next == "" {
			return seen
		}
		q.Cursor = page.Next
		between()
	}
	t.Fatalf("the pages do not end")
	return nil
}

func paging(t T, s jobs.Store) {
	want := map[string]bool{}
	for i := range 12 {
		job := newJob("a", i)
		job.CreatedAt = start.Add(time.Duration(i/4) * time.Second) // several with the same time
		want[create(t, s, job).ID] = true
	}
	for _, limit := range []int{1, 3, 4, 12, 13} {
		seen := pages(t, s, jobs.Query{OrganizationID: "a", Limit: limit}, func() {})
		if len(seen) != len(want) {
			t.Fatalf("pages of %d have %d jobs, not %d", limit, len(seen), len(want))
		}
		for id, n := range seen {
			if n != 1 || !want[id] {
				t.Fatalf("pages of %d have a job %d times", limit, n)
			}
		}
	}
}

func pageSize(t T, s jobs.Store) {
	for i := range jobs.MaxPage + 1 {
		create(t, s, newJob("a", i))
	}
	for limit, want := range map[int]int{
		0: jobs.DefaultPage, -1: jobs.DefaultPage, 1: 1, jobs.MaxPage: jobs.MaxPage, jobs.MaxPage + 1: jobs.MaxPage,
	} {
		page := list(t, s, jobs.Query{OrganizationID: "a", Limit: limit})
		if len(page.Jobs) != want || page.Next == "" {
			t.Fatalf("a page with limit %d has %d jobs, not %d, and next cursor %q", limit, len(page.Jobs), want, page.Next)
		}
	}
}

func pagingWhileAdding(t T, s jobs.Store) {
	want := map[string]bool{}
	for i := range 10 {
		want[create(t, s, newJob("a", i)).ID] = true
	}
	added := 100
	seen := pages(t, s, jobs.Query{OrganizationID: "a", Limit: 3}, func() {
		create(t, s, newJob("a", added))
		added++
	})
	for id := range want {
		if seen[id] != 1 {
			t.Fatalf("the pages have a job %d times", seen[id])
		}
	}
}

func listState(t T, s jobs.Store) {
	for i := range 9 {
		job := newJob("a", i)
		if i%3 == 0 {
			job.State = jobs.Failed
		}
		create(t, s, job)
	}
	seen := pages(t, s, jobs.Query{OrganizationID: "a", State: jobs.Failed, Limit: 2}, func() {})
	if len(seen) != 3 {
		t.Fatalf("%d jobs are listed as failed, not 3", len(seen))
	}
	moved := newJob("a", 0)
	job := get(t, s, moved.ID)
	job.State = jobs.Accepted
	update(t, s, job)
	if n := len(list(t, s, jobs.Query{OrganizationID: "a", State: jobs.Failed}).Jobs); n != 2 {
		t.Fatalf("%d jobs are listed as failed after an update, not 2", n)
	}
}

func badCursor(t T, s jobs.Store) {
	create(t, s, newJob("a", 1))
	for _, cursor := range []string{"x", "!", base64.RawURLEncoding.EncodeToString([]byte("12345678' OR 1=1 --"))} {
		if _, err := s.List(t.Context(), jobs.Query{OrganizationID: "a", Cursor: cursor}); !errors.Is(err, jobs.ErrCursor) {
			t.Fatalf("%v, not ErrCursor", err)
		}
	}
}
