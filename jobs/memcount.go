package jobs

import "context"

// Count implements [Store].
func (s *MemStore) Count(ctx context.Context, organizationID string, state State, limit int) (int, error) {
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
		return min(limit, l.states[state]), nil
	}
	n := 0
	for _, l := range s.lines {
		n += l.states[state]
	}
	return min(limit, n), nil
}
