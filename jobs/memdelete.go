package jobs

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Delete implements [Store].
func (s *MemStore) Delete(ctx context.Context, job *Job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.jobs[job.ID]
	if !ok {
		return ErrNotFound
	}
	if m.Revision != job.Revision {
		return ErrConflict
	}
	// A finished job that is never due is in no index.
	gone := m.Clone()
	gone.State, gone.DueAt = Completed, time.Time{}
	m.Job = gone
	s.index(m)
	s.lines[m.OrganizationID].states[Completed]--
	delete(s.jobs, m.ID)
	org := s.orgs[m.OrganizationID]
	if at, ok := slices.BinarySearchFunc(org, CursorOf(m.Job), compareToCursor); ok {
		org = slices.Delete(org, at, at+1)
	}
	if s.orgs[m.OrganizationID] = org; len(org) == 0 {
		delete(s.orgs, m.OrganizationID)
		delete(s.lines, m.OrganizationID)
	}
	return nil
}

// Organizations implements [Store].
func (s *MemStore) Organizations(ctx context.Context, after string, limit int) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Sorted(maps.Keys(s.orgs))
	at, found := slices.BinarySearch(all, after)
	if found {
		at++
	}
	all = all[at:]
	return all[:min(max(limit, 0), len(all))], nil
}
