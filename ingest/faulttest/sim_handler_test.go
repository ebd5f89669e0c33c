package faulttest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/ingest/sink"
	"github.com/fhirdock/fhirdock/jobs"
)

// effect is one resource of one run of a job.
type effect struct {
	job   string
	run   int
	index int64
}

// ledger is a store of effects, like an SQL database: a batch and its key are applied
// together, once.
type ledger struct {
	w *world

	mu      sync.Mutex
	keys    map[string]bool
	effects map[effect]int
}

func (l *ledger) apply(b *ingest.Batch) {
	if b.Aborted() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys[b.Key] && !l.w.variant.noKeys {
		return
	}
	l.keys[b.Key] = true
	for i := range b.Resources {
		if refused(b.Resources[i].ID) {
			continue
		}
		e := effect{b.Job.ID, b.Job.Run, b.Resources[i].Index}
		if l.effects[e]++; l.effects[e] > 1 {
			l.w.violation("resource %d of run %d of job %s has its effect %d times, now under %s", e.index, e.run, e.job, l.effects[e], b.Key)
		}
	}
}

func (l *ledger) count(job string, run int, index int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.effects[effect{job, run, index}]
}

// The organizations, by the kind of their output.
const (
	ledgerOrg = "ledger"
	lakeOrg   = "lake"
)

// refused reports whether the handler rejects a resource.
func refused(id string) bool { return strings.HasPrefix(id, "refused") }

// handler has effects in the ledger or in the lake, and its own faults.
type handler struct {
	p    *process
	lake *sink.Lake
}

func (p *process) handler() ingest.Handler {
	lake, err := sink.NewLake(must(blobstore.New(p.bucket, nil)), nil)
	require.NoError(p.w.t, err)
	return &handler{p, lake}
}

// kindHandle is a call of the handler's back end.
const kindHandle faulttest.Kind = "handler.Handle"

var errHandler = errors.New("the handler's back end failed")

func (h *handler) Handle(ctx context.Context, b *ingest.Batch) error {
	if b.Job.OrganizationID == lakeOrg {
		return h.lake.Handle(ctx, b)
	}
	for i := range b.Resources {
		if refused(b.Resources[i].ID) {
			b.Reject(i, "business-rule", "It is not taken")
		}
	}
	switch {
	case strings.HasPrefix(b.Resources[0].ID, "slow"):
		select {
		case <-time.After(3 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	case strings.HasPrefix(b.Resources[0].ID, "poison") && h.p.w.poisoned.Load():
		return ingest.Permanent(errHandler)
	}
	c := faulttest.Call{Kind: kindHandle, Key: fmt.Sprintf("%s/%d/%d", b.Job.ID, b.Job.Run, b.Start)}
	switch h.p.plan(ctx, c) {
	case faulttest.Before:
		if len(b.Resources)%2 == 0 {
			return ingest.Wait(10*time.Second, errHandler)
		}
		return errHandler
	case faulttest.After:
		h.apply(b)
		return errHandler
	case faulttest.Hang:
		<-ctx.Done()
		return ctx.Err()
	case faulttest.HangAfter:
		h.apply(b)
		<-ctx.Done()
		return ctx.Err()
	case faulttest.Late:
		<-ctx.Done()
		h.apply(b)
		return ctx.Err()
	case faulttest.Double:
		h.apply(b)
	case faulttest.Drop:
		h.apply(b)
		panic("the handler panics")
	case faulttest.Delay:
		return ingest.Permanent(errHandler)
	}
	h.apply(b)
	return nil
}

func (h *handler) apply(b *ingest.Batch) {
	if !h.p.dead.Load() && !h.p.w.variant.lazy {
		h.p.w.ledger.apply(b)
	}
}

func (h *handler) Finish(ctx context.Context, job *jobs.Job) ([]jobs.Output, error) {
	if job.OrganizationID == lakeOrg {
		return h.lake.Finish(ctx, job)
	}
	return nil, nil
}

func (h *handler) Discard(ctx context.Context, job *jobs.Job) error {
	if job.OrganizationID == lakeOrg {
		return h.lake.Discard(ctx, job)
	}
	return nil
}
