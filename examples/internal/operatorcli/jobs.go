package operatorcli

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/sink"
	"github.com/fhirdock/fhirdock/jobs"
)

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
