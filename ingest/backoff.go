package ingest

import (
	"math/rand/v2"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
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

// afterDeath returns when a job whose worker died may be claimed again; zero means at once.
// After three deaths in a row without progress, the job itself may be killing its process.
// The delay lets other jobs in that process finish before they use up their own attempts.
func (s *Service) afterDeath(j *jobs.Job, now time.Time) time.Time {
	if j.InVain() < 3 {
		return time.Time{}
	}
	return now.Add(s.backoff(j.InVain() - 2))
}
