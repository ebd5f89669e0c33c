// Package jobs keeps the record of every payload that was accepted: what it is,
// how far it got, and when to look at it again.
//
// # The record decides
//
// A job is acknowledged once its record is stored. Queue messages only say
// "look at this job". They may be lost, duplicated or late: only the record counts.
//
// # Two queries
//
// A free worker claims the next jobs with [Store.Next]. A sweeper asks for due jobs with
// [Store.Due]: expired leases and pending uploads. Every unfinished job has a
// [Job.DueAt], so none is forgotten.
//
// # Changes
//
// A change is a method of [Job] (Take, Checkpoint, Complete, …) followed by
// [Store.Update], a compare-and-set on [Job.Revision]. The method checks that the state
// allows the change (ErrState if not) and modifies the record in memory only. [Change]
// does both and retries on a conflict. A worker's changes carry its [Claim], a fencing
// token: a worker that lost its lease gets ErrLeaseLost and changes nothing. The caller
// passes all times; no method reads a clock.
//
// # Stores
//
// [NewMemStore] keeps jobs in memory, package sqljobs in SQLite or PostgreSQL, package
// docjobs in DynamoDB, Firestore or MongoDB. Package jobstest is the conformance suite
// for stores.
package jobs
