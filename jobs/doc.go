// Package jobs keeps the record of every payload that was taken in: what it is,
// how far it is, and when someone must look at it again.
//
// # The record decides
//
// A job is acknowledged once its record is stored. Queue messages only say
// "look at this job"; whatever is lost, doubled or late there, the record is
// what counts.
//
// # Two questions
//
// A worker that is free asks the [Store] which jobs are next, and claims them, with
// [Store.Next]. A sweeper asks what is due with [Store.Due]: leases that have run out
// and uploads that are awaited. Every job that is not finished has a [Job.DueAt], so
// nothing is forgotten.
//
// # Changes
//
// A change is a method of [Job] (Take, Checkpoint, Complete, …), which checks
// that the state allows it (ErrState where it does not) and changes the record in
// memory and nothing else, followed by [Store.Update], a compare-and-set on
// [Job.Revision]. [Change] does both and repeats on a conflict. A worker's changes
// carry its [Claim], a fencing token: one that lost its lease can change nothing,
// and gets ErrLeaseLost. Times and durations are the caller's; no method reads a
// clock.
//
// # Stores
//
// [NewMemStore] keeps jobs in memory; package sqljobs in SQLite or PostgreSQL,
// package docjobs in DynamoDB, Firestore or MongoDB.
// Package jobstest is the suite that every store passes.
package jobs
