package ingest

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
)

// RunOptions are the options of a [Runner]; nil, and zero fields, mean the defaults.
type RunOptions struct {
	// Worker, Sweeper and Listener are the options of the parts.
	Worker   *WorkerOptions
	Sweeper  *SweeperOptions
	Listener *ListenerOptions
}

// Runner runs the background parts of a process: a [Worker], a [Sweeper], and a [Listener]
// if there are [Backends.Notifications]. Its methods are safe for concurrent use, but Run
// must be called only once.
type Runner struct {
	svc      *Service
	worker   *Worker // nil without a handler
	sweeper  *Sweeper
	listener *Listener // nil without notifications
}

// NewRunner returns a Runner. With a nil h it has no worker, for a process that only
// accepts. It fails as [NewWorker], [NewSweeper] and [NewListener] do, and if opts has
// options for a part that it does not run.
func NewRunner(s *Service, h Handler, opts *RunOptions) (*Runner, error) {
	if s == nil {
		return nil, errors.New("ingest: NewRunner needs a Service")
	}
	o := RunOptions{}
	if opts != nil {
		o = *opts
	}
	r := &Runner{svc: s}
	var err error
	switch {
	case h != nil:
		if r.worker, err = NewWorker(s, h, o.Worker); err != nil {
			return nil, err
		}
	case o.Worker != nil:
		return nil, errors.New("ingest: RunOptions.Worker needs a handler")
	}
	if r.sweeper, err = NewSweeper(s, o.Sweeper); err != nil {
		return nil, err
	}
	switch {
	case s.back.Notifications != nil:
		if r.listener, err = NewListener(s, s.back.Notifications, o.Listener); err != nil {
			return nil, err
		}
	case o.Listener != nil:
		return nil, errors.New("ingest: RunOptions.Listener needs Backends.Notifications")
	}
	return r, nil
}

// Run works until ctx is done, lets running batches finish as [Worker.Run] does, and
// returns nil. It returns an error as soon as one of the parts does.
func (r *Runner) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.sweeper.Run(ctx) })
	if r.worker != nil {
		g.Go(func() error { return r.worker.Run(ctx) })
	}
	if r.listener != nil {
		g.Go(func() error { return r.listener.Run(ctx) })
	}
	return g.Wait()
}

// Behind is [Worker.Behind]; false without a worker.
func (r *Runner) Behind() bool { return r.worker != nil && r.worker.Behind() }

// Err returns why a subscription to wake-ups or notifications is lost at the moment, or
// nil; see [Worker.Err] and [Listener.Err].
func (r *Runner) Err() error {
	var errs []error
	if r.worker != nil {
		errs = append(errs, r.worker.Err())
	}
	if r.listener != nil {
		errs = append(errs, r.listener.Err())
	}
	return errors.Join(errs...)
}

// Run makes a [Runner] and runs it until ctx is done.
func Run(ctx context.Context, s *Service, h Handler, opts *RunOptions) error {
	r, err := NewRunner(s, h, opts)
	if err != nil {
		return err
	}
	return r.Run(ctx)
}
