// Package ingest is the pipeline: it accepts payloads, stores them durably, and hands their
// resources to a program's [Handler].
//
// # The promise
//
// A payload is acknowledged once it and its job are durable: when
// [Service.Accept] has returned, or when the object store has answered a signed
// upload. From then on the job reaches a final state, regardless of crashes and of lost
// or duplicated messages. A handler that deduplicates by [Batch.Key] has exactly-once
// effects.
//
// # How it works
//
// The job store is the record and the queue is a hint. A free [Worker] asks the store
// which job is next; a wake-up only says when to ask, so a lost one costs some seconds. A
// [Sweeper] takes jobs from workers that died and looks for uploads. The worker claims a
// job with a lease, reads the payload from the last checkpoint, and changes the record
// only under its claim, by compare-and-set, so that a worker that lost its lease changes
// nothing. An attempt is counted before its work begins: a payload that kills its worker
// is given up after [Options.MaxAttempts].
//
// # Splitting into batches
//
// Transaction, message and document Bundles are handed over whole, since splitting changes
// what they mean. Batch and collection Bundles, and NDJSON, come in batches whose borders
// depend only on the payload. An uploaded Bundle is validated to its end before any of it
// is handed over. Each line of an NDJSON file is validated on its own, and a bad one is
// listed in the job's outcomes, up to [Options.MaxOutcomes]. A file whose first 1,000
// non-blank lines are all broken is given up: the job fails with [CodeNothingTaken]. A
// line that was read and that the handler rejects is not broken.
//
// A cancelled job loses its outcomes with everything else that it left half done.
//
// A transaction is all or nothing: see [Handler]. A job fails if all of its resources
// were rejected; the job of an empty NDJSON file completes.
//
// # Objects without a job
//
// Objects that others put into the bucket are left alone, unless [Options.Adopt] is set:
// then each object below a prefix of the operator's choice becomes a job; see [Adoption].
// MIGRATING.md is for users of fhirdock's predecessor.
//
// # Roles
//
// A process that accepts needs a Service; one that works needs a Service, a Worker and a
// Sweeper, which [Run] puts together. Any number of both may share the same back ends.
package ingest

// The files by topic. Front door: accept, body, create, idempotency, receipt, upload,
// objectcreated, uploadarrived, adopt…, control, redrive, query, list, outcomes, waiting,
// storetime. Worker: worker…, dispatch…, attempt…, lease, batch…, verify, failure and
// its logging (log…), publishoutcomes and readoutcomes, nothingtaken, clearcancelled,
// workcalled. Sweeper: sweep…, prune…, retention, adoptlist. Operator: operator…,
// erase…, orphans. Whole programs: run, serve.
