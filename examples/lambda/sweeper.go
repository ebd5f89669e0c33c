package main

import (
	"context"

	"github.com/fhirdock/fhirdock/ingest"
)

// newSweeper is the function that a schedule calls. Whatever the event says, it looks
// once after all that is due, workers that died and uploads whose notification was lost,
// and wakes jobs that wait. Calls that overlap do no harm.
func newSweeper(p *pipeline) (function, error) {
	sweeper, err := ingest.NewSweeper(p.service, &p.settings.sweeper)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ []byte) ([]byte, error) {
		moved, err := sweeper.Sweep(ctx)
		p.log.InfoContext(ctx, "swept", "jobs", moved)
		return null, err
	}, nil
}
