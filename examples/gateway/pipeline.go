package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/fhirdock/fhirdock/examples/internal/gatewayflags"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/sink"
)

// newService returns the pipeline, and the handler that writes the NDJSON files. observe may
// be nil.
func newService(c *gatewayflags.Config, back *backends.Backends, log *slog.Logger, observe func(ingest.Event)) (*ingest.Service, *sink.Lake, error) {
	opts := c.Service
	opts.Logger, opts.Observe = log, observe
	service, err := ingest.New(back.Backends, &opts)
	if err != nil {
		return nil, nil, err
	}
	lake, err := sink.NewLake(back.Store, &c.Lake)
	return service, lake, err
}

// newRunner returns the worker and sweeper of a process with this role.
func newRunner(c *gatewayflags.Config, service *ingest.Service, lake *sink.Lake) (*ingest.Runner, error) {
	if !c.Works() {
		return ingest.NewRunner(service, nil, &ingest.RunOptions{Sweeper: &c.Sweeper})
	}
	return ingest.NewRunner(service, lake, &ingest.RunOptions{Worker: &c.Worker, Sweeper: &c.Sweeper})
}

// withService calls do with the pipeline alone, without front door and worker, for the
// operator's commands. A gateway may be running on the same back ends.
func withService(ctx context.Context, c *gatewayflags.Config, log *slog.Logger, do func(*ingest.Service, *sink.Lake) error) (err error) {
	if c.URLs.Jobs == "mem:" {
		return errors.New("-jobs mem: keeps nothing after the gateway ends")
	}
	urls := c.URLs
	urls.Subscription, urls.Notifications = "", ""
	back, err := backends.Open(ctx, urls, &backends.Options{Data: c.Data, SkipMigrations: true, Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, back.Close(context.WithoutCancel(ctx))) }()
	service, lake, err := newService(c, back, log, nil)
	if err != nil {
		return err
	}
	return do(service, lake)
}
