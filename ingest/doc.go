// Package ingest is the pipeline: it takes payloads in, keeps them, and hands
// what is in them to a program's [Handler].
//
// # The promise
//
// A payload is acknowledged once it and its job are durable: when
// [Service.Accept] has returned, or when the object store has answered a signed
// upload. From then on the job reaches a final state, whatever is killed, lost
// or doubled on the way, and a handler that makes its effects once per
// [Batch.Key] makes each of them once.
//
// # How it holds
//
// The job store is the record and the queue is a hint. A [Worker] that is free asks the
// store which job is next; a wake-up only says when to ask, so one that is lost costs
// some seconds. A [Sweeper] takes jobs from workers that died and looks for uploads. The
// worker claims a job with a lease, reads the payload from the last checkpoint, and
// changes the record by compare-and-set under its claim only, so that one which
// lost its lease changes nothing. An attempt is counted before its work begins:
// a payload that kills its worker is given up after [Options.MaxAttempts].
//
// # What is split and what is not
//
// Transaction, message and document Bundles are handed over whole, since
// splitting changes what they mean. Batch and collection Bundles, and NDJSON,
// come in batches whose borders depend on the payload alone. An uploaded Bundle
// is validated to its end before anything of it is handed over; of an NDJSON
// file each line is judged by itself, and a bad one is listed in the job's
// outcomes, up to [Options.MaxOutcomes]. A file whose first 1,000 lines are all broken,
// blank ones not counted, is given up: the job has failed with [CodeNothingTaken]. A
// line that was read, and that the handler rejects, is not broken.
//
// A job that is cancelled loses its outcomes with all else that it left half done.
//
// A transaction is taken whole or not at all: see [Handler]. A job of which nothing
// was taken has failed; one of an empty NDJSON file is completed.
//
// # Objects that nobody asked for
//
// What others put into the bucket is left alone, unless [Options.Adopt] says otherwise:
// then each object below a prefix of the operator's becomes a job; see [Adoption].
// MIGRATING.md is for those who come from the service that fhirdock succeeds.
//
// # Roles
//
// A process that accepts needs a Service; one that works needs a Service, a
// Worker and a Sweeper, which [Run] puts together. Any number of either may share
// the same back ends.
package ingest

// Where to find what. The front door: accept, body, create, idempotency, receipt, upload,
// objectcreated, uploadarrived, adopt…, control, redrive, query, list, outcomes, waiting,
// storetime. The worker: worker…, dispatch…, attempt…, lease, batch…, verify, failure and
// what it logs (log…), publishoutcomes and readoutcomes, nothingtaken, clearcancelled,
// workcalled. The sweeper: sweep…, prune…, retention, adoptlist. The operator: operator…,
// erase…, orphans. Whole programs: run, serve.
