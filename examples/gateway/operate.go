package main

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
	"github.com/fhirdock/fhirdock/ingest/sink"
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

func listFlags(s *envflag.Set) (func() error, work) {
	sel := selectionFlags(s, "list", "any", jobs.States()...)
	return sel.check, func(ctx context.Context, svc *ingest.Service, _ *sink.Lake, out *json.Encoder) error {
		for listed := 0; sel.page(listed); {
			page, err := svc.Operator().List(ctx, sel.request)
			if err != nil {
				return err
			}
			for _, job := range page.Jobs {
				if err := out.Encode(lineOf(job)); err != nil {
					return err
				}
			}
			listed += len(page.Jobs)
			if sel.request.Cursor = page.Next; sel.request.Cursor == "" {
				return nil
			}
		}
		return nil
	}
}

// jobLine is a job in a list.
type jobLine struct {
	Job          string     `json:"job"`
	Organization string     `json:"organization"`
	State        jobs.State `json:"state"`
	Source       string     `json:"source"`
	Attempt      int        `json:"attempt"`
	CreatedAt    time.Time  `json:"createdAt"`
	UpdatedAt    time.Time  `json:"updatedAt"`
	FinishedAt   time.Time  `json:"finishedAt,omitzero"`
	Code         string     `json:"code,omitempty"`
	Message      string     `json:"message,omitempty"`
	Done         int64      `json:"done"`
	Rejected     int64      `json:"rejected"`
}

func lineOf(j *jobs.Job) jobLine {
	line := jobLine{
		Job: j.ID, Organization: j.OrganizationID, State: j.State, Source: string(j.Source), Attempt: j.Attempt,
		CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt, FinishedAt: j.FinishedAt, Done: j.Progress.Done, Rejected: j.Progress.Rejected,
	}
	if j.Failure != nil {
		line.Code, line.Message = j.Failure.Code, j.Failure.Message
	}
	return line
}

func countFlags(s *envflag.Set) (func() error, work) {
	sel := selectionFlags(s, "count", "any", jobs.States()...)
	check := func() error {
		if sel.limit != 0 {
			return errors.New("-limit is not allowed: jobs count counts all")
		}
		return sel.check()
	}
	return check, func(ctx context.Context, svc *ingest.Service, _ *sink.Lake, out *json.Encoder) error {
		sum := map[jobs.State]int{}
		for {
			counted, err := svc.Operator().Count(ctx, sel.request)
			if err != nil {
				return err
			}
			for state, n := range counted.Jobs {
				sum[state] += n
			}
			if sel.request.Cursor = counted.Next; sel.request.Cursor == "" {
				return out.Encode(sum)
			}
		}
	}
}

func redriveFlags(s *envflag.Set) (func() error, work) {
	sel := selectionFlags(s, "redrive", "failed", jobs.Failed, jobs.Completed)
	s.BoolVar(&sel.request.DryRun, "dry-run", false, "only count")
	return sel.check, func(ctx context.Context, svc *ingest.Service, _ *sink.Lake, out *json.Encoder) error {
		return sel.change(ctx, svc.Operator().Redrive, out)
	}
}

func cancelFlags(s *envflag.Set) (func() error, work) {
	sel := selectionFlags(s, "cancel", "all but failed", jobs.AwaitingUpload, jobs.Accepted, jobs.Processing, jobs.Failed)
	all := s.Bool("all", false, "allow cancelling without any other flag of this group")
	s.BoolVar(&sel.request.DryRun, "dry-run", false, "only count")
	check := func() error {
		r := sel.request
		if !*all && !r.DryRun && r.OrganizationID == "" && sel.state == "" && r.Code == "" && sel.olderThan == 0 && sel.newerThan == 0 {
			return errors.New("select jobs or use -all: a cancelled job can't be redriven")
		}
		return sel.check()
	}
	return check, func(ctx context.Context, svc *ingest.Service, _ *sink.Lake, out *json.Encoder) error {
		return sel.change(ctx, svc.Operator().Cancel, out)
	}
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
