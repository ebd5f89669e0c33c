package ingest

import (
	"context"

	"github.com/fhirdock/fhirdock/jobs"
)

// Handler processes a payload, batch by batch. The batches of one job are handed over
// one at a time, in order. Several jobs are processed concurrently, up to
// [WorkerOptions.Concurrency].
//
// A batch is redelivered after an error, and if the process died before the batch was
// recorded. It then has the same [Batch.Key] and the same resources, so that a handler
// can deduplicate its effects. Two workers may briefly have the same batch at once, if
// one stalled and has not noticed yet that it lost its lease. Let the database of the
// effects decide which is first, with a unique key in the same transaction; checking
// beforehand is not enough. A handler must reject the same resources whenever a batch is
// redelivered, even if its effects are already there: see [Batch.Reject].
//
// A transaction is all or nothing. If one of its resources is rejected the job fails
// with the code "transaction-rejected", and the outcomes list all of its entries. A
// handler that rejects a resource of a transaction must leave no effects when it
// returns: check [Batch.Aborted] before committing, roll back, and return nil.
//
// The bytes of a batch are checked against the payload's digest before they are parsed,
// one block of the payload at a time. If a later block is damaged, the job fails with
// the code "payload-changed" after earlier batches were handed over; the handler is not
// notified. A handler that needs all or nothing keeps its batches until Finish, as
// sink.Lake does; see [Finisher].
//
// A job fails with the code "nothing-taken" if all of its resources were rejected.
// Redriving it hands everything over again, under new keys.
type Handler interface {
	// Handle returns nil once the effects are durable, or once a transaction was
	// aborted and rolled back. Call [Batch.Reject] to reject single resources. After
	// an error the job is retried from this batch, unless the error is [Permanent];
	// after a [Wait] it is retried later, and the attempt is not counted. The job's
	// sender sees an error only if it is a [Failure]. By default its text is not logged,
	// since a database or a server may quote the values it refused: see
	// [Options.LogHandlerErrors]. A panic counts as an error. ctx is cancelled within
	// about a second after the job is cancelled or the lease is lost, and
	// [WorkerOptions.DrainTimeout] after the worker is told to stop.
	Handle(ctx context.Context, b *Batch) error
}

// Finisher is a [Handler] with work to do after all batches of a job were handled and
// before the job completes. Like Handle, Finish may be called again, and by two workers
// at once, and its errors are treated like Handle's. It is not called for a job that
// fails.
type Finisher interface {
	// Finish returns the job's outputs. It must not change the job. The counts of the
	// outputs must add up to job.Progress.Done, so that the worker notices missing
	// outputs: count each resource in one output only, and give 0 to an output that holds
	// anything else. If the counts don't add up, the job fails with the code
	// "outputs-incomplete"; if all are 0 they are not checked. If data that Handle kept is
	// gone or damaged, return [StartOver].
	Finish(ctx context.Context, job *jobs.Job) ([]jobs.Output, error)
}

// Discarder is a [Handler] that keeps data of a job until its Finish. Discard is called
// if there will be no Finish: after the job was cancelled and no worker has it any more,
// or before it fails because all of its resources were rejected. After an error it is
// called again.
type Discarder interface {
	// Discard removes the job's kept data.
	Discard(ctx context.Context, job *jobs.Job) error
}

// HandlerFunc is a function that implements [Handler].
type HandlerFunc func(ctx context.Context, b *Batch) error

// Handle implements [Handler].
func (f HandlerFunc) Handle(ctx context.Context, b *Batch) error { return f(ctx, b) }
