package jobs

import "container/heap"

// memJob is a stored job and its position in the heaps that index it, at most one heap
// for each slot.
type memJob struct {
	*Job
	in [slots]*jobHeap
	at [slots]int
	// counted is the state that line.states counts it in, or empty.
	counted State
}

const (
	slotDue = iota
	slotLine
	slotLater
	slots
)

// olderThan is [Cursor.Compare] without copying the times: it is what heaps call most.
func (m *memJob) olderThan(n *memJob) bool {
	if c := m.CreatedAt.Compare(n.CreatedAt); c != 0 {
		return c < 0
	}
	return m.ID < n.ID
}

func dueFirst(a, b *memJob) bool { return a.DueAt.Before(b.DueAt) }

func compareToCursor(m *memJob, c Cursor) int { return CursorOf(m.Job).Compare(c) }

// move puts a changed job into a heap of the slot, or takes it out if to is nil.
func (m *memJob) move(slot int, to *jobHeap) {
	from := m.in[slot]
	switch {
	case from == to && to != nil:
		heap.Fix(to, m.at[slot])
		return
	case from != nil:
		heap.Remove(from, m.at[slot])
	}
	if m.in[slot] = to; to != nil {
		heap.Push(to, m)
	}
}

// jobHeap is a heap ordered by before. Each job in it knows its index.
type jobHeap struct {
	slot   int
	before func(a, b *memJob) bool
	jobs   []*memJob
}

func newHeap(slot int, before func(a, b *memJob) bool) *jobHeap {
	return &jobHeap{slot: slot, before: before}
}

// top returns the first job; nil if the heap is empty.
func (h *jobHeap) top() *memJob {
	if len(h.jobs) == 0 {
		return nil
	}
	return h.jobs[0]
}

// first returns, in order, at most limit jobs, up to the first one that doesn't match.
func (h *jobHeap) first(limit int, match func(*memJob) bool) []*memJob {
	var found []*memJob
	for len(found) < limit && len(h.jobs) > 0 && match(h.jobs[0]) {
		found = append(found, heap.Pop(h).(*memJob))
	}
	for _, m := range found {
		heap.Push(h, m)
	}
	return found
}

func (h *jobHeap) Len() int           { return len(h.jobs) }
func (h *jobHeap) Less(i, j int) bool { return h.before(h.jobs[i], h.jobs[j]) }
func (h *jobHeap) Swap(i, j int) {
	h.jobs[i], h.jobs[j] = h.jobs[j], h.jobs[i]
	h.jobs[i].at[h.slot], h.jobs[j].at[h.slot] = i, j
}

func (h *jobHeap) Push(x any) {
	m := x.(*memJob)
	m.at[h.slot] = len(h.jobs)
	h.jobs = append(h.jobs, m)
}

func (h *jobHeap) Pop() any {
	last := len(h.jobs) - 1
	m := h.jobs[last]
	h.jobs[last] = nil
	h.jobs = h.jobs[:last]
	return m
}
