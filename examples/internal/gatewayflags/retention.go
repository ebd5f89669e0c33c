package gatewayflags

import (
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/ingest"
)

// retentionFlags defines the flags for how long finished jobs are kept.
func retentionFlags(s *envflag.Set, r *ingest.Retention) {
	s.Group("How long finished jobs are kept (0: for ever)")
	keep := func(to *time.Duration, name, what string) { s.DurationVar(to, name, 0, "`TIME`: "+what) }
	keep(&r.Completed, "keep-completed", "completed jobs with everything except their output. A job's Idempotency-Key ends\nwith it")
	keep(&r.Failed, "keep-failed", "failed jobs with their payloads: make it long, or cancel the jobs that you give up")
	keep(&r.Cancelled, "keep-cancelled", "cancelled jobs with everything left of them")
	keep(&r.Expired, "keep-expired", "records of uploads that never arrived")
	keep(&r.Payloads, "keep-payloads", "payloads of completed and cancelled jobs; without them a job can't be redriven")
	keep(&r.Outcomes, "keep-outcomes", "the files that list rejected resources; at least -keep-payloads")
	keep(&r.Staging, "keep-staging", "intermediate parts of failed jobs; a redrive then starts at the beginning")
}

// checkRetention returns the errors that ingest.New would, with the flags' names.
func (c *Config) checkRetention() (errs []error) {
	for flag, d := range map[string]time.Duration{
		"completed": c.keep.Completed, "failed": c.keep.Failed, "cancelled": c.keep.Cancelled, "expired": c.keep.Expired,
		"payloads": c.keep.Payloads, "outcomes": c.keep.Outcomes, "staging": c.keep.Staging,
	} {
		if d < 0 || d > 0 && d < time.Second {
			errs = append(errs, fmt.Errorf("-keep-%s must be at least a second, or 0 to keep for ever", flag))
		}
	}
	if o := c.keep.Outcomes; o > 0 && (c.keep.Payloads == 0 || o < c.keep.Payloads) {
		errs = append(errs, fmt.Errorf("-keep-outcomes needs -keep-payloads and must not be shorter: a redriven job writes its outcomes again"))
	}
	return errs
}
