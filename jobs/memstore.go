package jobs

import (
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"
)

// MemStore keeps jobs in memory, for tests and for what may be lost with the
// process. It is safe for concurrent use.
type MemStore struct {
	mu   sync.Mutex
	jobs map[string]*memJob
	orgs map[string][]*memJob // of an organization, oldest first
	due  dueHeap
	// lines of the organizations, and the ids of those with an unfinished job, in
	// order.
	lines  map[string]*line
	active []string
}

// memJob is a stored job and its place in the heap; -1 if it is never due. line
// is the part of its organization's line that it stands in, nil if in none, and
// place where.
type memJob struct {
	*Job
	at    int
	line  *headHeap
	place int
}

// NewMemStore returns an empty store.
func NewMemStore() *MemStore {
	return &MemStore{jobs: make(map[string]*memJob), orgs: make(map[string][]*memJob), lines: make(map[string]*line)}
}

var _ Store = (*MemStore)(nil)

// Len is the number of jobs.
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.jobs[job.ID]; ok {
		return ErrExists
	}
	job.Revision = 1
	m := &memJob{Job: Stored(job), at: -1}
	s.jobs[job.ID] = m
	org := s.orgs[m.OrganizationID]
	at, _ := slices.BinarySearchFunc(org, CursorOf(m.Job), compareToCursor)
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
	next := Stored(job)
	next.OrganizationID, next.CreatedAt = m.OrganizationID, m.CreatedAt
	m.Job = next
	s.index(m)
	return nil
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
	var taken []*memJob
	for len(taken) < limit && len(s.due) > 0 && !s.due[0].DueAt.After(now) {
		taken = append(taken, heap.Pop(&s.due).(*memJob))
	}
	due := make([]*Job, len(taken))
	for i, m := range taken {
		due[i] = m.Clone()
		heap.Push(&s.due, m)
	}
	return due, nil
}

// index puts a job where its due time and its state say.
func (s *MemStore) index(m *memJob) {
	s.enqueue(m)
	switch {
	case m.at < 0 && !m.DueAt.IsZero():
		heap.Push(&s.due, m)
	case m.at >= 0 && m.DueAt.IsZero():
		heap.Remove(&s.due, m.at)
	case m.at >= 0:
		heap.Fix(&s.due, m.at)
	}
}

func compareToCursor(m *memJob, c Cursor) int { return CursorOf(m.Job).Compare(c) }

// dueHeap has the job that is due first on top.
type dueHeap []*memJob

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].DueAt.Before(h[j].DueAt) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

func (h *dueHeap) Push(x any) {
	m := x.(*memJob)
	m.at = len(*h)
	*h = append(*h, m)
}

func (h *dueHeap) Pop() any {
	old := *h
	m := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	m.at = -1
	return m
}
