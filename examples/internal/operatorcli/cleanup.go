package operatorcli

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/sink"
)

func eraseFlags(s *envflag.Set) (func() error, work) {
	var req ingest.EraseRequest
	s.Group("What to erase")
	s.StringVar(&req.OrganizationID, "organization", "", "`ORG` whose jobs to erase; required")
	s.StringVar(&req.JobID, "job", "", "`ID` of the only job to erase (default: all of the organization)")
	s.BoolVar(&req.DryRun, "dry-run", false, "only count")
	check := func() error {
		if req.OrganizationID == "" {
			return errors.New("-organization is required")
		}
		return nil
	}
	return check, func(ctx context.Context, svc *ingest.Service, lake *sink.Lake, out *json.Encoder) error {
		req.Handler = lake
		done, err := svc.Erase(ctx, req)
		report := struct {
			Organization string     `json:"organization"`
			Job          string     `json:"job,omitempty"`
			DryRun       bool       `json:"dryRun"`
			Complete     bool       `json:"complete"`
			Jobs         int64      `json:"jobs"`
			Cancelled    int64      `json:"cancelled"`
			Objects      int64      `json:"objects"`
			Outputs      int64      `json:"outputs"`
			Bytes        int64      `json:"bytes"`
			Tickets      int64      `json:"openTickets"`
			TicketsUntil *time.Time `json:"openTicketsUntil,omitempty"`
			Unreached    []string   `json:"unreached"`
		}{
			req.OrganizationID, req.JobID, req.DryRun, err == nil, done.Jobs, done.Cancelled, done.Stored.Objects, done.Outputs.Objects,
			done.Stored.Bytes + done.Outputs.Bytes, done.Tickets, nil, done.Unreached,
		}
		if !done.TicketsUntil.IsZero() {
			report.TicketsUntil = &done.TicketsUntil
		}
		return errors.Join(err, out.Encode(report))
	}
}

func orphansFlags(s *envflag.Set) (func() error, work) {
	var req ingest.OrphansRequest
	s.Group("Which orphans")
	s.StringVar(&req.OrganizationID, "organization", "", "`ORG` whose orphans to list (default: all)")
	s.DurationVar(&req.MinAge, "min-age", time.Hour, "minimum `TIME` since the payload was written, at least 1m: the jobs of newer ones may not be recorded yet")
	s.BoolVar(&req.Remove, "remove", false, "remove them")
	check := func() error {
		if req.MinAge < time.Minute {
			return errors.New("-min-age must be at least 1m0s: the jobs of newer payloads may not be recorded yet")
		}
		return nil
	}
	return check, func(ctx context.Context, svc *ingest.Service, _ *sink.Lake, out *json.Encoder) error {
		var total struct {
			Looked  int   `json:"looked"`
			Orphans int   `json:"orphans"`
			Bytes   int64 `json:"bytes"`
			Removed int   `json:"removed"`
		}
		for {
			part, err := svc.Orphans(ctx, req)
			if err != nil && part == nil {
				return err
			}
			for _, o := range part.Found {
				err = errors.Join(err, out.Encode(o))
			}
			total.Looked += part.Looked
			total.Orphans += len(part.Found)
			total.Bytes += part.Bytes
			total.Removed += part.Removed
			if req.Cursor = part.Next; err != nil || req.Cursor == "" {
				return errors.Join(err, out.Encode(total))
			}
		}
	}
}
