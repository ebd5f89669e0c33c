package sink

import "sync"

// maxRecent bounds what is remembered: a job is forgotten by its Finish, which
// mostly comes at once.
const maxRecent = 1000

// recent remembers which whole jobs this process published and has not finished.
type recent struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (r *recent) add(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil || len(r.ids) >= maxRecent {
		r.ids = make(map[string]bool) // what is forgotten is read once more
	}
	r.ids[id] = true
}

func (r *recent) take(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	there := r.ids[id]
	delete(r.ids, id)
	return there
}
