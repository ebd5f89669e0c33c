package sink

import "sync"

// maxRecent bounds recent. Usually a job is removed soon, by its Finish.
const maxRecent = 1000

// recent has the runs that this process published with publishWhole but has not finished.
type recent struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (r *recent) add(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil || len(r.ids) >= maxRecent {
		r.ids = make(map[string]bool) // the dropped ones are read again
	}
	r.ids[id] = true
}

func (r *recent) take(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.ids[id]
	delete(r.ids, id)
	return known
}
