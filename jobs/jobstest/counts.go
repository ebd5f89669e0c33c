package jobstest

import (
	"context"
	"fmt"

	"github.com/fhirdock/fhirdock/jobs"
)

// wantCount fails unless Count returns want.
func wantCount(t T, s jobs.Store, organization string, state jobs.State, limit, want int) {
	t.Helper()
	n, err := s.Count(t.Context(), organization, state, limit)
	if err != nil || n != want {
		t.Fatalf("Count(%q, %s, %d) = %d, %v; want %d", organization, state, limit, n, err, want)
	}
}

func waitingCounted(t T, s jobs.Store) {
	want := func(organization string, limit, want int) {
		t.Helper()
		wantCount(t, s, organization, jobs.Accepted, limit, want)
	}
	want("", 9, 0)
	for n, state := range jobs.States() { // one is accepted
		createIn(t, s, "a", n, state, state == jobs.Processing || state == jobs.Failed)
	}
	createDelayed(t, s, "a", 10, nextNow)
	for n := range 5 {
		create(t, s, newJob("b", n))
	}
	taken := create(t, s, newJob("b", 5))
	want("a", 9, 2)
	want("b", 9, 6)
	want("", 99, 8)
	want("", 7, 7)
	want("b", 3, 3)
	want("ab", 9, 0)
	taken.State = jobs.Processing
	update(t, s, taken)
	want("b", 9, 5)
	want("", 99, 7)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Count(ctx, "", jobs.Accepted, 9); err == nil {
		t.Fatalf("Count succeeded with a cancelled context")
	}
}

func statesCounted(t T, s jobs.Store) {
	const organizations = 20 // more than a page
	var failed []*jobs.Job
	for n, state := range jobs.States() {
		wantCount(t, s, "", state, 9, 0)
		// One more than of the previous state, so that all counts differ.
		for k := range n + 1 {
			job := createIn(t, s, "b", 10*n+k, state, state == jobs.Processing || state == jobs.Failed)
			if state == jobs.Failed {
				failed = append(failed, job)
			}
		}
	}
	for n := range organizations {
		createIn(t, s, fmt.Sprintf("c%02d", n), 0, jobs.Completed, true)
	}
	for n, state := range jobs.States() {
		all := n + 1
		if state == jobs.Completed {
			all += organizations
		}
		wantCount(t, s, "b", state, 99, n+1)
		wantCount(t, s, "", state, 99, all)
		wantCount(t, s, "ab", state, 99, 0)
		if state != jobs.Accepted {
			wantCount(t, s, "b", state, n, n)
			wantCount(t, s, "", state, n, n)
		}
	}
	failed[0].State = jobs.Expired
	update(t, s, failed[0])
	wantCount(t, s, "b", jobs.Failed, 99, len(failed)-1)
	wantCount(t, s, "b", jobs.Expired, 99, 7)
	if err := s.Delete(t.Context(), failed[1]); err != nil {
		t.Fatalf("delete: %v", err)
	}
	wantCount(t, s, "b", jobs.Failed, 99, len(failed)-2)
	wantCount(t, s, "", jobs.Failed, 99, len(failed)-2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, organization := range []string{"", "b"} {
		if _, err := s.Count(ctx, organization, jobs.Failed, 9); err == nil {
			t.Fatalf("Count succeeded with a cancelled context")
		}
	}
}
