package ingesttest

import (
	"context"
	"slices"
	"sync"

	"github.com/fhirdock/fhirdock/ingest"
)

// Sink is a handler that keeps its resources, and fails when told to. It does not
// deduplicate, so that a test sees what is delivered again, except with
// [Options.Redeliver].
type Sink struct {
	mu        sync.Mutex
	resources []ingest.Resource
	keys      []string
	failures  []error
	intercept func(context.Context, *ingest.Batch) error
	kept      map[string]bool // keys of batches to keep only once; nil without deduplication
}

// Handle implements [ingest.Handler].
func (s *Sink) Handle(ctx context.Context, b *ingest.Batch) error {
	s.mu.Lock()
	s.keys = append(s.keys, b.Key)
	var failure error
	if len(s.failures) > 0 {
		failure, s.failures = s.failures[0], s.failures[1:]
	}
	intercept := s.intercept
	s.mu.Unlock()
	if intercept != nil {
		if err := intercept(ctx, b); err != nil {
			return err
		}
	}
	if failure != nil {
		return failure
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept != nil {
		if s.kept[b.Key] {
			return nil
		}
		s.kept[b.Key] = true
	}
	for _, r := range b.Resources {
		r.Raw = slices.Clone(r.Raw)
		s.resources = append(s.resources, r)
	}
	return nil
}

// deduplicate makes the Sink keep each batch once.
func (s *Sink) deduplicate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = map[string]bool{}
}

// Fail makes the next calls of Handle return these errors, one each; nil means success.
func (s *Sink) Fail(errs ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, errs...)
}

// Intercept calls f before each batch is kept; its error is Handle's.
func (s *Sink) Intercept(f func(context.Context, *ingest.Batch) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intercept = f
}

// Resources returns all kept resources, in the order in which they were handed over.
func (s *Sink) Resources() []ingest.Resource {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.resources)
}

// Keys returns the keys of all batches, including failed ones.
func (s *Sink) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.keys)
}
