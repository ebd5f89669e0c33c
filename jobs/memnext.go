package jobs

import (
	"context"
	"slices"
	"time"
)

// line is the waiting line of one organization.
type line struct {
	// ready and delayed have the accepted jobs without and with a NotBefore, running
	// those being processed, failed those that failed after they were begun. Ordered by
	// age, the oldest first.
	ready, delayed, running, failed *jobHeap
	// later has the delayed jobs again, and clearing the cancelled jobs that need
	// clean-up. Ordered by NotBefore.
	later, clearing *jobHeap
	states          map[State]int // the number of jobs in each
}

func newLine() *line {
	earlier := func(a, b *memJob) bool { return a.NotBefore.Before(b.NotBefore) }
	l := &line{states: map[State]int{}, later: newHeap(slotLater, earlier), clearing: newHeap(slotLine, earlier)}
	for _, h := range []**jobHeap{&l.ready, &l.delayed, &l.running, &l.failed} {
		*h = newHeap(slotLine, (*memJob).olderThan)
	}
	return l
}

// waits reports whether a job waits for a worker, now or later.
func (l *line) waits() bool { return l.ready.Len()+l.delayed.Len()+l.clearing.Len() > 0 }

// heapFor returns the heap for a job's state; nil if it belongs in none.
func (l *line) heapFor(j *Job) *jobHeap {
	switch {
	case j.State == Accepted && j.NotBefore.IsZero():
		return l.ready
	case j.State == Accepted:
		return l.delayed
	case j.State == Processing:
		return l.running
	case j.State == Cancelled && !j.DueAt.IsZero():
		return l.clearing
	case j.Unsettled():
		return l.failed
	}
	return nil
}

// enqueue moves a job whose state may have changed to the right heap.
func (s *MemStore) enqueue(m *memJob) {
	l := s.lines[m.OrganizationID]
	if l == nil {
		l = newLine()
		s.lines[m.OrganizationID] = l
	}
	if m.counted != m.State {
		l.states[m.counted]--
		l.states[m.State]++
		m.counted = m.State
	}
	was := l.waits()
	m.move(slotLine, l.heapFor(m.Job))
	if m.in[slotLine] == l.delayed {
		m.move(slotLater, l.later)
	} else {
		m.move(slotLater, nil)
	}
	if is := l.waits(); is != was {
		at, _ := slices.BinarySearch(s.active, m.OrganizationID)
		if is {
			s.active = slices.Insert(s.active, at, m.OrganizationID)
		} else {
			s.active = slices.Delete(s.active, at, at+1)
		}
	}
}

// Next implements [Store].
func (s *MemStore) Next(ctx context.Context, q NextQuery) ([]*Job, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	limit, each := q.Bounds()
	s.mu.Lock()
	defer s.mu.Unlock()
	var next []*Job
	for _, organization := range s.inTurn(q) {
		for _, m := range s.lines[organization].next(q.Order, q.Now, min(each, limit-len(next))) {
			job := m.Clone()
			if q.Claim != nil {
				if q.Claim(job) != nil {
					continue
				}
				s.put(m, Normalize(job))
				job.Revision = m.Revision
			}
			next = append(next, job)
		}
		if len(next) == limit {
			break
		}
	}
	return next, nil
}

// inTurn returns the organizations in the order in which Next asks them.
func (s *MemStore) inTurn(q NextQuery) []string {
	if q.OrganizationID != "" {
		if s.lines[q.OrganizationID] == nil {
			return nil
		}
		return []string{q.OrganizationID}
	}
	at, found := slices.BinarySearch(s.active, q.After)
	if found {
		at++
	}
	return slices.Concat(s.active[at:], s.active[:at])
}

// next returns at most limit jobs of the line that are next.
func (l *line) next(order Order, now time.Time, limit int) []*memJob {
	due := func(m *memJob) bool { return !m.NotBefore.After(now) }
	found := l.clearing.first(limit, due)
	if order == Unordered {
		found = append(append(found, l.ready.first(limit, due)...), l.later.first(limit, due)...)
	} else if head := l.head(order); head != nil && due(head) {
		found = append(found, head)
	}
	slices.SortFunc(found, func(a, b *memJob) int { return compareToCursor(a, CursorOf(b.Job)) })
	return found[:min(limit, len(found))]
}

// head returns the job that the order allows to be next; nil if there is none.
func (l *line) head(order Order) *memJob {
	head := l.ready.top()
	if d := l.delayed.top(); d != nil && (head == nil || d.olderThan(head)) {
		head = d
	}
	if head == nil || l.running.Len() > 0 {
		return nil
	}
	if f := l.failed.top(); order == Blocking && f != nil && f.olderThan(head) {
		return nil
	}
	return head
}
