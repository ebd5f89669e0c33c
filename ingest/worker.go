package ingest

import (
	"context"
	"time"
)

// WorkerOptions; nil, and zero fields, mean the defaults.
type WorkerOptions struct {
	// Concurrency is how many jobs are worked on at once. Default 4. Each
	// holds up to two batches, or one whole Bundle, in memory.
	Concurrency int
	// BatchResources and BatchBytes bound a batch; the first limit that is
	// reached ends it. Default 5,000 resources and 8 MiB. They are pinned by a
	// job's first claim.
	BatchResources int
	BatchBytes     int64
	// MaxWholeBytes bounds a Bundle that must be handed over whole. Default
	// 64 MiB.
	MaxWholeBytes int64
	// Lease is how long a job stays with a worker that says nothing. Default
	// 30 seconds; it is extended while work goes on.
	Lease time.Duration
	// DrainTimeout is how long batches under way may take once Run's context
	// is done. Default 20 seconds; then their context is cancelled.
	DrainTimeout time.Duration
}

// Worker claims jobs and hands their resources to a [Handler].
type Worker struct{}

// NewWorker returns a Worker. It fails if the Service has no Subscription or an
// option can't work.
func NewWorker(s *Service, h Handler, opts *WorkerOptions) (*Worker, error) { panic("") }

// Run works until ctx is done, then ends the batches under way, gives their jobs
// back for others to go on, and returns nil. It fails only if the subscription
// can't be opened.
func (w *Worker) Run(ctx context.Context) error { panic("") }
