package main

import (
	"context"

	"github.com/fhirdock/fhirdock/ingest"
)

// newSweeper returns the function that a schedule calls. Whatever the event, it makes one
// sweep: it takes over jobs of dead workers, finds uploads whose notification was lost,
// and wakes waiting jobs. Concurrent calls do no harm.
func newSweeper(p *pipeline) (function, error) {
	sweeper, err := ingest.NewSweeper(p.service, &p.settings.Sweeper)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ []byte) ([]byte, error) {
		moved, err := sweeper.Sweep(ctx)
		p.log.InfoContext(ctx, "swept", "jobs", moved)
		return null, err
	}, nil
}
