package ingest

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// Run runs a worker and a sweeper, each with default options, until ctx is
// done; see [Worker.Run].
func Run(ctx context.Context, s *Service, h Handler) error {
	worker, err := NewWorker(s, h, nil)
	if err != nil {
		return err
	}
	sweeper, err := NewSweeper(s, nil)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return worker.Run(ctx) })
	g.Go(func() error { return sweeper.Run(ctx) })
	return g.Wait()
}
