package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	_ "github.com/fhirdock/fhirdock/examples/internal/drivers"

	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/examples/internal/servers"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// result is the measurement of one broker.
type result struct {
	sent     float64       // wake-ups a second
	first    time.Duration // from the workers' start to the first job's end
	finished float64       // jobs a second, from the workers' start to the last job's end
	busy     float64       // share of the processors' time, of all processes; below 0 if unknown
}

const (
	payloadKey = "incoming/fhir/backlog.ndjson"
	line       = `{"resourceType":"Patient","id":"p"}` + "\n"
	atOnce     = 50 // concurrency of the preparation
	tenants    = 20
)

func (c *config) measure(ctx context.Context, b *broker) (_ *result, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var undo []func() error
	defer func() {
		for i := len(undo) - 1; i >= 0; i-- {
			err = errors.Join(err, undo[i]())
		}
	}()
	folder, err := os.MkdirTemp("", "fhirdock-backlog-")
	if err != nil {
		return nil, err
	}
	undo = append(undo, func() error { return os.RemoveAll(folder) })
	db, err := servers.Postgres(ctx)
	if err != nil {
		return nil, err
	}
	undo = append(undo, func() error { return db.Remove(context.WithoutCancel(ctx)) })
	urls := backends.URLs{Jobs: db.Jobs}
	opts := &backends.Options{Data: filepath.Join(folder, "data"), Logger: slog.New(slog.DiscardHandler)}
	if b.lend != nil {
		lent, err := b.lend(ctx)
		if err != nil {
			return nil, err
		}
		undo = append(undo, func() error { return lent.Remove(context.WithoutCancel(ctx)) })
		for _, v := range lent.Env {
			name, value, _ := strings.Cut(v, "=")
			if err := os.Setenv(name, value); err != nil {
				return nil, err
			}
		}
		urls.Topic, urls.Subscription = lent.Topic, lent.Subscription
	}

	var done atomic.Int64
	first, all := make(chan struct{}), make(chan struct{})
	observe := func(e ingest.Event) {
		if e.Kind != ingest.EventFinished {
			return
		}
		switch done.Add(1) {
		case 1:
			close(first)
			if c.jobs > 1 {
				return
			}
			fallthrough
		case int64(c.jobs):
			close(all)
		}
	}
	var services []*ingest.Service
	var back *backends.Backends
	for range c.workers {
		if back == nil || !back.LocalQueue {
			if back, err = backends.Open(ctx, urls, opts); err != nil {
				return nil, err
			}
			closing := back
			undo = append(undo, func() error { return closing.Close(context.WithoutCancel(ctx)) })
		}
		service, err := ingest.New(back.Backends, &ingest.Options{Logger: opts.Logger, Observe: observe})
		if err != nil {
			return nil, err
		}
		services = append(services, service)
	}
	r := &result{}
	if r.sent, err = c.prepare(ctx, back); err != nil {
		return nil, err
	}

	working, stop := context.WithCancel(ctx)
	var run errgroup.Group
	idle := newMeter()
	began := time.Now()
	for _, s := range services {
		nothing := ingest.HandlerFunc(func(context.Context, *ingest.Batch) error { return nil })
		runner, err := ingest.NewRunner(s, nothing, &ingest.RunOptions{Worker: &ingest.WorkerOptions{Concurrency: c.concurrency}})
		if err != nil {
			stop()
			return nil, err
		}
		run.Go(func() error { return runner.Run(working) })
	}
	for _, reached := range []chan struct{}{first, all} {
		select {
		case <-reached:
			if r.first == 0 {
				r.first = time.Since(began)
			}
		case <-ctx.Done():
			err = fmt.Errorf("%d of %d jobs were finished: %w", done.Load(), c.jobs, ctx.Err())
		}
	}
	r.finished, r.busy = float64(c.jobs)/time.Since(began).Seconds(), idle.busy()
	stop()
	return r, errors.Join(err, run.Wait())
}

// prepare creates the jobs and wake-ups that a front door leaves while no worker runs. It
// returns the wake-ups sent per second.
func (c *config) prepare(ctx context.Context, back *backends.Backends) (float64, error) {
	if err := back.Store.Bucket().WriteAll(ctx, payloadKey, []byte(line), nil); err != nil {
		return 0, err
	}
	ids := make([]string, c.jobs)
	err := each(ctx, c.jobs, func(ctx context.Context, i int) error {
		now := time.Now().UTC().Truncate(time.Microsecond)
		job := &jobs.Job{
			ID: jobs.NewID(), OrganizationID: fmt.Sprint("org-", i%tenants), Source: jobs.Webhook, State: jobs.Accepted, MaxAttempts: 5,
			Payload:   jobs.Payload{Key: payloadKey, Size: int64(len(line)), ContentType: "application/fhir+ndjson", Format: "ndjson", Validated: true},
			CreatedAt: now, UpdatedAt: now, DueAt: now.Add(10 * time.Second),
		}
		ids[i] = job.ID
		return back.Jobs.Create(ctx, job)
	})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	err = each(ctx, c.jobs, func(ctx context.Context, i int) error {
		err := back.Publisher.Publish(ctx, queue.Message{JobID: ids[i], OrganizationID: fmt.Sprint("org-", i%tenants), Source: string(jobs.Webhook)})
		if back.LocalQueue {
			return nil // the queue may be full
		}
		return err
	})
	return float64(c.jobs) / time.Since(began).Seconds(), err
}

// each calls do n times, several at once, until one fails.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range n {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}
