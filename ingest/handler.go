package ingest

import (
	"context"

	"github.com/fhirdock/fhirdock/jobs"
)

// Handler takes over what a payload holds, batch by batch. Batches of one job
// come one after the other, in order; those of several jobs come at once, up to
// [WorkerOptions.Concurrency].
//
// A batch may come again: after an error, or where the process died before it
// was recorded. It then has the same [Batch.Key] and the same resources, so that
// a handler can make its effects once. For a moment it may even come at once to
// two workers, where one that stalled has lost its lease and does not know yet:
// let the effects' own store decide which is first, with a unique key in the same
// transaction, not a look before it. A handler must reject the same resources
// whenever a batch is redelivered, even if its effects are already there: see
// [Batch.Reject].
//
// A transaction is all or nothing. If one of its resources is rejected the job fails,
// with the code "transaction-rejected", and all of its entries are in the outcomes. A
// handler that rejects a resource of a transaction must not have made effects when it
// returns: check [Batch.Aborted] before committing, roll back, and return nil.
//
// What a batch holds was checked against the payload's digest before it was parsed.
// But a payload is checked a block at a time, and where a later block turns out to be
// damaged the job fails with the code "payload-changed" when earlier batches have been
// handed over: the failed job is all that says so. A handler that must have all or
// nothing keeps what it gets until its Finish, as the lake does; see [Finisher].
//
// A job of which every resource was rejected fails too, with the code "nothing-taken".
// Its redrive hands everything over again, under new keys.
type Handler interface {
	// Handle returns nil once the effects are durable, or once a transaction was
	// aborted and has none. Single resources are rejected by [Batch.Reject]. An error
	// makes the job be retried from this batch, unless it is [Permanent]; [Wait] makes
	// it be retried later without counting the attempt. What the job's sender sees of
	// an error is in [Failure]. Its text is not logged, since it may quote a value
	// that a database or a server refused: see [Options.LogHandlerErrors]. A panic
	// counts as an error. ctx ends within a second or so when the job is cancelled or
	// the lease is lost, and when a worker that must stop has waited for
	// [WorkerOptions.DrainTimeout].
	Handle(ctx context.Context, b *Batch) error
}

// Finisher is a [Handler] that wants to be told when all batches of a job were
// handled, before the job completes. It may be called again, and by two workers
// at once, like a Handler. An error is treated like one of Handle. It is not called
// for a job that fails, as one of which nothing was taken.
type Finisher interface {
	// Finish returns what came out of the job, which is not to be changed. The
	// counts of the outputs must add up to job.Progress.Done, so that nothing that
	// is said to be done is missing: each resource counts in one output, and an
	// output that holds something else, or resources again, has the count 0. Counts
	// that don't add up fail the job with the code "outputs-incomplete"; where all
	// are 0, nothing is checked. A Finish that finds what its Handle kept gone or
	// damaged returns [StartOver].
	Finish(ctx context.Context, job *jobs.Job) ([]jobs.Output, error)
}

// Discarder is a [Handler] that keeps something of a job until its Finish, and
// wants to be told if that won't come: the job was cancelled, or ended with nothing
// taken, and no worker has it any more. It may be called again: after an error until
// it succeeds.
type Discarder interface {
	// Discard removes what was kept of the job.
	Discard(ctx context.Context, job *jobs.Job) error
}

// HandlerFunc is a Handler that is one function.
type HandlerFunc func(ctx context.Context, b *Batch) error

// Handle implements [Handler].
func (f HandlerFunc) Handle(ctx context.Context, b *Batch) error { return f(ctx, b) }
