package jobs

import (
	"context"
	"slices"
	"sync"
	"time"
)

// MemStore keeps jobs in memory, for tests and for jobs that may be lost with the
// process. It is safe for concurrent use.
type MemStore struct {
	mu   sync.Mutex
	jobs map[string]*memJob
	orgs map[string][]*memJob // by organization, oldest first
	// leases has the jobs being processed, due the others that have a due time. Both are
	// ordered by due time.
	leases, due *jobHeap
	lines       map[string]*line // by organization
	active      []string         // sorted ids of the organizations with a waiting job
}

// NewMemStore returns an empty store.
func NewMemStore() *MemStore {
	return &MemStore{jobs: make(map[string]*memJob), orgs: make(map[string][]*memJob),
		leases: newHeap(slotDue, dueFirst), due: newHeap(slotDue, dueFirst), lines: make(map[string]*line)}
}

var _ Store = (*MemStore)(nil)

// Len returns the number of jobs.
func (s *MemStore) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.jobs)
}

// Create implements [Store].
func (s *MemStore) Create(ctx context.Context, job *Job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m := &memJob{Job: Normalize(job)}
	m.Revision = 1
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.jobs[job.ID]; ok {
		return ErrExists
	}
	job.Revision = 1
	s.jobs[job.ID] = m
	org := s.orgs[m.OrganizationID]
	at := len(org)
	if at > 0 && !org[at-1].olderThan(m) { // a new job is usually the youngest
		at, _ = slices.BinarySearchFunc(org, CursorOf(m.Job), compareToCursor)
	}
	s.orgs[m.OrganizationID] = slices.Insert(org, at, m)
	s.index(m)
	return nil
}

// Get implements [Store].
func (s *MemStore) Get(ctx context.Context, id string) (*Job, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.jobs[id]
	if !ok {
		return nil, ErrNotFound
	}
	return m.Clone(), nil
}

// Update implements [Store].
func (s *MemStore) Update(ctx context.Context, job *Job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	next := Normalize(job)
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.jobs[job.ID]
	if !ok {
		return ErrNotFound
	}
	if m.Revision != job.Revision {
		return ErrConflict
	}
	job.Revision++
	s.put(m, next)
	return nil
}

// put replaces a record with its next revision.
func (s *MemStore) put(m *memJob, next *Job) {
	next.Revision = m.Revision + 1
	next.OrganizationID, next.CreatedAt = m.OrganizationID, m.CreatedAt
	m.Job = next
	s.index(m)
}

// List implements [Store].
func (s *MemStore) List(ctx context.Context, q Query) (*Page, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	limit := q.PageSize()
	s.mu.Lock()
	defer s.mu.Unlock()
	org := s.orgs[q.OrganizationID]
	at := len(org)
	if q.Cursor != "" {
		c, err := ParseCursor(q.Cursor)
		if err != nil {
			return nil, err
		}
		at, _ = slices.BinarySearchFunc(org, c, compareToCursor)
	}
	page := &Page{}
	for at--; at >= 0; at-- {
		if q.State != "" && org[at].State != q.State {
			continue
		}
		if len(page.Jobs) == limit {
			page.Next = CursorOf(page.Jobs[limit-1]).String()
			break
		}
		page.Jobs = append(page.Jobs, org[at].Clone())
	}
	return page, nil
}

// Due implements [Store].
func (s *MemStore) Due(ctx context.Context, now time.Time, limit int) ([]*Job, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	isDue := func(m *memJob) bool { return !m.DueAt.After(now) }
	due := s.leases.first(limit, isDue)
	due = append(due, s.due.first(limit-len(due), isDue)...)
	found := make([]*Job, len(due))
	for i, m := range due {
		found[i] = m.Clone()
	}
	return found, nil
}

// Ready implements [Store]. A store in memory is always ready.
func (s *MemStore) Ready(ctx context.Context) error { return ctx.Err() }

// index updates the heaps after a job's state or due time changed.
func (s *MemStore) index(m *memJob) {
	s.enqueue(m)
	switch {
	case m.DueAt.IsZero():
		m.move(slotDue, nil)
	case m.State == Processing:
		m.move(slotDue, s.leases)
	default:
		m.move(slotDue, s.due)
	}
}
