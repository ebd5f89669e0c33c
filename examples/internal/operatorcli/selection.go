package operatorcli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
)

// selection holds the flags that select jobs.
type selection struct {
	request              ingest.OperatorRequest
	allowed              []jobs.State
	state                string
	olderThan, newerThan time.Duration
	limit                int
}

// selectionFlags defines the flags that select jobs. allowed are the states to choose
// from, and without describes the default.
func selectionFlags(s *envflag.Set, verb, without string, allowed ...jobs.State) *selection {
	sel := selection{allowed: allowed}
	names := make([]string, len(allowed))
	for i, state := range allowed {
		names[i] = string(state)
	}
	s.Group("Which jobs")
	s.StringVar(&sel.request.OrganizationID, "organization", "", "`ORG` whose jobs to "+verb+" (default: all)")
	s.StringVar(&sel.state, "state", "", "`STATE` of the jobs: "+strings.Join(names, ", ")+" (default: "+without+")")
	s.StringVar(&sel.request.Code, "code", "", "`CODE` of their last failure (default: any)")
	s.DurationVar(&sel.olderThan, "older-than", 0, "minimum `TIME` since they finished or, if unfinished, were created")
	s.DurationVar(&sel.newerThan, "newer-than", 0, "maximum `TIME` since then")
	s.IntVar(&sel.limit, "limit", 0, "maximum number of `JOBS` to "+verb+"; 0 for any number")
	return &sel
}

// check completes the request.
func (sel *selection) check() error {
	sel.request.State = jobs.State(sel.state)
	if sel.state != "" && !slices.Contains(sel.allowed, sel.request.State) {
		return fmt.Errorf("-state %q can't be chosen here", sel.state)
	}
	if sel.olderThan < 0 || sel.newerThan < 0 || sel.limit < 0 {
		return errors.New("-older-than, -newer-than and -limit must not be negative")
	}
	now := time.Now()
	if sel.olderThan > 0 {
		sel.request.Before = now.Add(-sel.olderThan)
	}
	if sel.newerThan > 0 {
		sel.request.After = now.Add(-sel.newerThan)
	}
	return nil
}

// page sets the limit of the next call, and reports whether a next call is needed.
func (sel *selection) page(done int) bool {
	if sel.limit == 0 {
		sel.request.Limit = jobs.MaxPage
		return true
	}
	sel.request.Limit = min(sel.limit-done, jobs.MaxPage)
	return sel.request.Limit > 0
}

// change calls a method of the operator until all jobs are done, and prints the result.
func (sel *selection) change(ctx context.Context, call func(context.Context, ingest.OperatorRequest) (*ingest.Changed, error), out *json.Encoder) error {
	report := struct {
		DryRun   bool `json:"dryRun"`
		Complete bool `json:"complete"`
		Jobs     int  `json:"jobs"`
		Skipped  int  `json:"skipped"`
	}{DryRun: sel.request.DryRun}
	var err error
	for !report.Complete && sel.page(report.Jobs) && err == nil {
		var done *ingest.Changed
		if done, err = call(ctx, sel.request); done != nil {
			report.Jobs += done.Jobs
			report.Skipped += done.Skipped
			sel.request.Cursor = done.Next
		}
		report.Complete = err == nil && sel.request.Cursor == ""
	}
	return errors.Join(err, out.Encode(report))
}
