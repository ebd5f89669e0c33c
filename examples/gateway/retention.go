package main

import (
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/ingest"
)

// retentionFlags defines the flags that say how long what is finished is kept.
func retentionFlags(s *envflag.Set, r *ingest.Retention) {
	s.Group("How long finished jobs are kept (0: for ever)")
	keep := func(to *time.Duration, name, what string) { s.DurationVar(to, name, 0, "`TIME`: "+what) }
	keep(&r.Completed, "keep-completed", "records of completed jobs, and all that is left of them but their output. A record\ntakes its Idempotency-Key with it")
	keep(&r.Failed, "keep-failed", "records of failed jobs, with their payloads: make it long, or cancel the jobs that are\ngiven up")
	keep(&r.Cancelled, "keep-cancelled", "records of cancelled jobs, and all that is left of them")
	keep(&r.Expired, "keep-expired", "records of uploads that never came")
	keep(&r.Payloads, "keep-payloads", "payloads of completed and cancelled jobs, which can't be redriven afterwards")
	keep(&r.Outcomes, "keep-outcomes", "the files that list rejected resources; at least -keep-payloads")
	keep(&r.Staging, "keep-staging", "intermediate parts of failed jobs; a redrive then starts at the beginning")
}

// retention is nil where all is kept.
func (c *config) retention() *ingest.Retention {
	if c.keep == (ingest.Retention{}) {
		return nil
	}
	return &c.keep
}

// checkRetention names the flags where what was asked for can't work; ingest.New checks
// the same.
func (c *config) checkRetention() (errs []error) {
	for flag, d := range map[string]time.Duration{
		"completed": c.keep.Completed, "failed": c.keep.Failed, "cancelled": c.keep.Cancelled, "expired": c.keep.Expired,
		"payloads": c.keep.Payloads, "outcomes": c.keep.Outcomes, "staging": c.keep.Staging,
	} {
		if d < 0 || d > 0 && d < time.Second {
			errs = append(errs, fmt.Errorf("-keep-%s must be 0, which keeps for ever, or at least a second", flag))
		}
	}
	if o := c.keep.Outcomes; o > 0 && (c.keep.Payloads == 0 || o < c.keep.Payloads) {
		errs = append(errs, fmt.Errorf("-keep-outcomes needs -keep-payloads and must not be shorter: a job that can be redriven writes its outcomes again"))
	}
	return errs
}
