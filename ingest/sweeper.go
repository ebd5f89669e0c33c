package ingest

import (
	"context"
	"time"
)

// SweeperOptions; nil, and zero fields, mean the defaults.
type SweeperOptions struct {
	// Every is the time between two sweeps. Default 5 seconds.
	Every time.Duration
	// Page is how many due jobs are read at a time. Default 200.
	Page int
}

// Sweeper looks after every job that is due: it sends lost wake-ups again, takes
// jobs from workers that died, and looks for uploads whose notification was
// lost. Any number may run against the same store.
type Sweeper struct{}

// NewSweeper returns a Sweeper.
func NewSweeper(s *Service, opts *SweeperOptions) *Sweeper { panic("") }

// Run sweeps until ctx is done, and returns nil then. A sweep that fails is
// logged, and the next one tries again.
func (w *Sweeper) Run(ctx context.Context) error { panic("") }

// Sweep looks once after all that is due now, and says how many jobs that were.
func (w *Sweeper) Sweep(ctx context.Context) (int, error) { panic("") }
