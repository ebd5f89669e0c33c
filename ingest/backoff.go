package ingest

import (
	"math/rand/v2"
	"time"
)

// backoff is the pause after an attempt, by how many in a row were in vain: exponential
// with full jitter, and at least a tenth of its bound so that a job is never retried at
// once.
func (s *Service) backoff(inVain int) time.Duration {
	bound := s.opts.RetryMax
	if shift := min(max(inVain-1, 0), 30); s.opts.RetryBase < bound>>shift {
		bound = s.opts.RetryBase << shift
	}
	return bound/10 + rand.N(bound-bound/10+1)
}
