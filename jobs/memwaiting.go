package jobs

import "context"

// Waiting implements [Store].
func (s *MemStore) Waiting(ctx context.Context, organizationID string, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if organizationID != "" {
		l := s.lines[organizationID]
		if l == nil {
			return 0, nil
		}
		return min(limit, l.ready.Len()+l.delayed.Len()), nil
	}
	n := 0
	for _, organization := range s.active {
		l := s.lines[organization]
		n += l.ready.Len() + l.delayed.Len()
	}
	return min(limit, n), nil
}
