package ingest

import "context"

// Run runs a worker and a sweeper, each with default options, until ctx is
// done; see [Worker.Run].
func Run(ctx context.Context, s *Service, h Handler) error { panic("") }
