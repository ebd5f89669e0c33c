package dirblob

import "sync"

// sharedSyncs syncs folders. Calls that arrive while a folder is being synced share the
// next sync, which starts after all of their changes to the folder.
type sharedSyncs struct {
	mu      sync.Mutex
	folders map[string]*syncQueue // folders with calls
}

type syncQueue struct {
	calls   int
	turn    chan struct{} // held by the call that syncs
	waiting []*syncing
}

type syncing struct {
	done chan struct{} // closed once err is set
	err  error
}

func (s *sharedSyncs) sync(folder string, do func(string) error) error {
	me := &syncing{done: make(chan struct{})}
	s.mu.Lock()
	q := s.folders[folder]
	if q == nil {
		q = &syncQueue{turn: make(chan struct{}, 1)}
		s.folders[folder] = q
	}
	q.calls++
	q.waiting = append(q.waiting, me)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if q.calls--; q.calls == 0 {
			delete(s.folders, folder)
		}
	}()
	for {
		select {
		case <-me.done:
			return me.err
		case q.turn <- struct{}{}:
			s.mu.Lock()
			group := q.waiting
			q.waiting = nil
			s.mu.Unlock()
			if len(group) > 0 {
				err := do(folder)
				for _, other := range group {
					other.err = err
					close(other.done)
				}
			}
			<-q.turn
		}
	}
}
