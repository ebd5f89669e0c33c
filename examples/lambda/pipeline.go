package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/backends"
)

// pipeline is common to all functions.
type pipeline struct {
	settings *settings
	back     *backends.Backends
	service  *ingest.Service
	log      *slog.Logger
}

// openPipeline opens the back ends. A bucket or queue inside the process is an error: a
// function serves no uploads and receives no wake-ups by itself.
func openPipeline(ctx context.Context, s *settings, log *slog.Logger) (_ *pipeline, err error) {
	back, err := backends.Open(ctx, s.URLs, &backends.Options{Data: s.Data, SkipMigrations: s.Migrations == "skip", Logger: log})
	if err != nil {
		return nil, err
	}
	switch {
	case back.Signer != nil:
		err = errors.New("FHIRDOCK_BLOB must be a bucket that accepts signed uploads itself")
	case back.LocalQueue:
		err = errors.New("FHIRDOCK_TOPIC must not be a queue within the process")
	}
	if err != nil {
		return nil, errors.Join(err, back.Close(ctx))
	}
	p := &pipeline{settings: s, back: back, log: log}
	opts := s.Service
	opts.WakeTimeout = 2 * time.Second // nothing is sent after the response
	opts.Logger, opts.Observe = log, p.observe
	if p.service, err = ingest.New(back.Backends, &opts); err != nil {
		return nil, errors.Join(err, back.Close(ctx))
	}
	return p, nil
}

// observe logs each event, so that CloudWatch can make metrics with a filter such as {
// $.kind = "object_ignored" }. The line does not name the tenant.
func (p *pipeline) observe(e ingest.Event) {
	level := slog.LevelInfo
	if e.Kind == ingest.EventBatch || e.Kind == ingest.EventClaimed {
		level = slog.LevelDebug
	}
	p.log.Log(context.Background(), level, "event", "kind", e.Kind, "job", e.JobID, "source", e.Source, "state", e.State, "code", e.Code,
		"bytes", e.Bytes, "resources", e.Resources, "rejected", e.Rejected, "took", e.Duration)
}
