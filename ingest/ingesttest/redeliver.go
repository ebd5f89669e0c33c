package ingesttest

import (
	"context"
	"reflect"
	"testing"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
)

// twice is a handler that delivers every batch to another handler twice; see
// [Options.Redeliver].
type twice struct {
	ingest.Handler
	t       testing.TB
	effects func() any
}

func (h *twice) Handle(ctx context.Context, b *ingest.Batch) error {
	again := clone(b)
	if err := h.Handler.Handle(ctx, b); err != nil {
		return err
	}
	first := h.effects()
	if err := h.Handler.Handle(ctx, again); err != nil {
		h.t.Errorf("batch %s: the handler returned nil, but failed when the batch was redelivered: %v", b.Key, err)
		return nil
	}
	if !reflect.DeepEqual(b.Rejected(), again.Rejected()) {
		h.t.Errorf("batch %s: the handler rejected %d resources, and others when the batch was redelivered: %d; it must reject the same",
			b.Key, len(b.Rejected()), len(again.Rejected()))
	}
	if second := h.effects(); !reflect.DeepEqual(first, second) {
		h.t.Errorf("batch %s: its effects changed when it was redelivered, from %v to %v; deduplicate by Batch.Key", b.Key, first, second)
	}
	return nil
}

// twiceFinisher is twice for an [ingest.Finisher].
type twiceFinisher struct {
	*twice
	ingest.Finisher
}

// Discard implements [ingest.Discarder], for a handler that is one.
func (h *twice) Discard(ctx context.Context, job *jobs.Job) error {
	if d, ok := h.Handler.(ingest.Discarder); ok {
		return d.Discard(ctx, job)
	}
	return nil
}

// redelivering returns a handler that delivers every batch to h twice. The test fails if
// effects is nil and h is not a Sink.
func redelivering(t testing.TB, h ingest.Handler, effects func() any) ingest.Handler {
	t.Helper()
	if sink, ok := h.(*Sink); ok {
		sink.deduplicate()
		if effects == nil {
			effects = func() any { return sink.Resources() }
		}
	}
	if effects == nil {
		t.Fatal("Redeliver needs Effects: without them, a handler that does everything twice would pass")
	}
	w := &twice{Handler: h, t: t, effects: effects}
	if f, ok := h.(ingest.Finisher); ok {
		return &twiceFinisher{w, f}
	}
	return w
}
