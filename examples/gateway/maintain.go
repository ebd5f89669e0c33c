package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/sink"
)

// task is a maintenance command, usable while a gateway is running. It takes all of the
// gateway's flags to find its data.
type task struct {
	about string
	// flags adds the task's own flags. The returned functions check them and run the task.
	flags func(s *envflag.Set) (check func() error, do work)
}

type work func(ctx context.Context, svc *ingest.Service, lake *sink.Lake, out *json.Encoder) error

var tasks = map[string]task{
	"erase": {
		about: `gateway erase -organization ORG [-job ID] [-dry-run] [flags of the gateway]

Erases an organization, or one of its jobs: records, payloads with all of their versions,
outcomes, parts and output. This can't be undone: revoke the organization's credentials and
try -dry-run first. Prints what it did as JSON. Give it the gateway's flags or variables;
the gateway may be running.
`,
		flags: eraseFlags,
	},
	"orphans": {
		about: `gateway orphans [-organization ORG] [-min-age TIME] [-remove] [flags of the gateway]

Lists payloads without a job, one JSON object a line, and then their number. If the job
store was restored from an older backup, these payloads were acknowledged: don't remove
them. Give it the gateway's flags or variables; the gateway may be running.
`,
		flags: orphansFlags,
	},
	"jobs list": {
		about: `gateway jobs list [-organization ORG] [-state STATE] [-code CODE] [flags of the gateway]

Lists jobs of all organizations, one JSON object a line: each organization's newest first.
Give it the gateway's flags or variables; the gateway may be running.
`,
		flags: listFlags,
	},
	"jobs count": {
		about: `gateway jobs count [-organization ORG] [-state STATE] [-code CODE] [flags of the gateway]

Counts jobs of all organizations by their state, as JSON. It reads each job. Give it the
gateway's flags or variables; the gateway may be running.
`,
		flags: countFlags,
	},
	"jobs redrive": {
		about: `gateway jobs redrive [-organization ORG] [-code CODE] [-dry-run] [flags of the gateway]

Accepts failed jobs of all organizations once more, or completed ones with -state completed.
Prints how many as JSON. Give it the gateway's flags or variables; a running gateway works
on the jobs, after -poll-every at the latest.
`,
		flags: redriveFlags,
	},
	"jobs cancel": {
		about: `gateway jobs cancel [-organization ORG] [-state STATE] [-code CODE] [-dry-run] [flags of the gateway]

Cancels jobs that are not finished, or failed ones with -state failed. This can't be undone:
try -dry-run first. Prints how many as JSON. Give it the gateway's flags or variables; the
gateway may be running, and its workers stop with these jobs.
`,
		flags: cancelFlags,
	},
}

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

// maintain runs a task. It returns 0 if that is done, 2 for wrong flags and 1 for other
// errors.
func maintain(ctx context.Context, t task, args []string, lookup func(string) (string, bool), stdout, stderr io.Writer) int {
	set, checked := flags()
	check, do := t.flags(set)
	err := set.Parse(args, lookup)
	if errors.Is(err, flag.ErrHelp) {
		_, err := io.WriteString(stdout, t.about+"\n")
		if err = cmp.Or(err, set.WriteHelp(stdout)); err != nil {
			return 1
		}
		return 0
	}
	if err == nil && set.NArg() > 0 {
		err = errors.New("unexpected argument: use only flags")
	}
	var c *config
	if err == nil {
		c, err = checked()
	}
	if err == nil {
		err = check()
	}
	if err != nil {
		fmt.Fprintf(stderr, "gateway: %v\n%s", err, t.about)
		return 2
	}
	log := newLogger(c, stderr)
	if err := c.withPipeline(ctx, log, func(svc *ingest.Service, lake *sink.Lake) error {
		return do(ctx, svc, lake, json.NewEncoder(stdout))
	}); err != nil {
		log.Error("task failed", "error", err)
		return 1
	}
	return 0
}

// withPipeline calls f with the pipeline that the gateway's flags describe.
func (c *config) withPipeline(ctx context.Context, log *slog.Logger, f func(*ingest.Service, *sink.Lake) error) (err error) {
	if c.urls.Jobs == "mem:" {
		return errors.New("-jobs mem: keeps nothing after the gateway ends")
	}
	urls := c.urls
	urls.Subscription, urls.Notifications = "", ""
	back, err := backends.Open(ctx, urls, &backends.Options{Data: c.data, SkipMigrations: true, Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, back.Close(context.WithoutCancel(ctx))) }()
	svc, err := ingest.New(back.Backends, c.options(log, nil))
	if err != nil {
		return err
	}
	lake, err := c.lake(back)
	if err != nil {
		return err
	}
	return f(svc, lake)
}

// taskOf returns the task that the arguments begin with, and the arguments after its name
// of one or two words.
func taskOf(args []string) (t task, rest []string, ok bool) {
	for n := 1; n <= min(2, len(args)); n++ {
		if t, ok = tasks[strings.Join(args[:n], " ")]; ok {
			return t, args[n:], true
		}
	}
	return task{}, nil, false
}

// taskNames returns the names of the tasks, for messages.
func taskNames() []string {
	names := make([]string, 0, len(tasks))
	for name := range tasks {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
