package jobs

import (
	"container/heap"
	"context"
	"slices"
)

var _ Scheduler = (*MemStore)(nil)

// line is where an organization's jobs stand, by what they are: no finished job
// has to be passed over on the way to the oldest of them.
type line struct{ waiting, running, failed headHeap }

// place returns the heap that a job belongs in; nil if in none.
func (l *line) place(j *Job) *headHeap {
	switch {
	case Waiting.Has(j):
		return &l.waiting
	case Unfinished.Has(j):
		return &l.running
	case Unsettled.Has(j):
		return &l.failed
	}
	return nil
}

// of are the heaps of a standing; none if the organization has no heads of it.
func (l *line) of(s Standing) []*headHeap {
	switch {
	case len(l.waiting) == 0 && (s == Waiting || len(l.running) == 0):
		return nil
	case s == Waiting:
		return []*headHeap{&l.waiting}
	case s == Unfinished:
		return []*headHeap{&l.waiting, &l.running}
	}
	return []*headHeap{&l.waiting, &l.running, &l.failed}
}

// enqueue moves a job whose state may have changed to where it belongs.
func (s *MemStore) enqueue(m *memJob) {
	l := s.lines[m.OrganizationID]
	if l == nil {
		l = &line{}
		s.lines[m.OrganizationID] = l
	}
	was := l.of(Unfinished) != nil
	if to := l.place(m.Job); to != m.line {
		if m.line != nil {
			heap.Remove(m.line, m.place)
		}
		if m.line = to; to != nil {
			heap.Push(to, m)
		}
	}
	if is := l.of(Unfinished) != nil; is != was {
		at, _ := slices.BinarySearch(s.active, m.OrganizationID)
		if is {
			s.active = slices.Insert(s.active, at, m.OrganizationID)
		} else {
			s.active = slices.Delete(s.active, at, at+1)
		}
	}
}

// Heads implements [Scheduler].
func (s *MemStore) Heads(ctx context.Context, q HeadsQuery) ([]*Job, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	organizations, each := q.Bounds()
	s.mu.Lock()
	defer s.mu.Unlock()
	var heads []*Job
	if q.OrganizationID != "" {
		return s.lines[q.OrganizationID].oldest(heads, q.Standing, each), nil
	}
	at, found := slices.BinarySearch(s.active, q.After)
	if found {
		at++
	}
	for ; at < len(s.active) && organizations > 0; at++ {
		before := len(heads)
		heads = s.lines[s.active[at]].oldest(heads, q.Standing, each)
		if len(heads) > before {
			organizations--
		}
	}
	return heads, nil
}

// oldest appends the oldest jobs of a standing, at most so many.
func (l *line) oldest(heads []*Job, s Standing, most int) []*Job {
	if l == nil {
		return heads
	}
	from := l.of(s)
	var taken []*memJob
	for len(taken) < most {
		var next *headHeap
		for _, h := range from {
			if len(*h) > 0 && (next == nil || (*h)[0].olderThan((*next)[0])) {
				next = h
			}
		}
		if next == nil {
			break
		}
		taken = append(taken, heap.Pop(next).(*memJob))
	}
	for _, m := range taken {
		heads = append(heads, m.Clone())
		heap.Push(m.line, m)
	}
	return heads
}

func (m *memJob) olderThan(n *memJob) bool { return compareToCursor(m, CursorOf(n.Job)) < 0 }

// headHeap has the oldest job on top.
type headHeap []*memJob

func (h headHeap) Len() int           { return len(h) }
func (h headHeap) Less(i, j int) bool { return h[i].olderThan(h[j]) }
func (h headHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *headHeap) Push(x any) {
	m := x.(*memJob)
	m.place = len(*h)
	*h = append(*h, m)
}

func (h *headHeap) Pop() any {
	old := *h
	m := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return m
}
