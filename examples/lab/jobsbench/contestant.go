package main

import (
	"context"
	"sync"
	"time"
)

// contestant is a job system to compare.
type contestant struct {
	name   string
	module string // whose version is shown; empty for fhirdock
	// jobs returns the number of jobs in a round, fewer for a slow contestant.
	jobs func(config) int
	// open prepares the contestant. If the error is absent, it is skipped.
	open func(ctx context.Context, c config) (runner, error)
}

// Names of the contestants in goals.
const (
	oursMemory   = "fhirdock in memory"
	oursSQLite   = "fhirdock on SQLite"
	oursPostgres = "fhirdock on PostgreSQL"
	riverSQLite  = "River on SQLite"
	riverTuned   = "River on PostgreSQL, tuned"
	riverDefault = "River on PostgreSQL, defaults"
	theAsynq     = "asynq on Redis, appendfsync always"
)

func contestants() []*contestant {
	const theRiver, asynq = "github.com/riverqueue/river", "github.com/hibiken/asynq"
	few := func(c config) int { return c.jobs / 5 }
	half := func(c config) int { return c.jobs / 2 }
	all := func(c config) int { return c.jobs }
	many := func(c config) int { return 10 * c.jobs }
	return []*contestant{
		{oursMemory, "", many, openMemory},
		{oursSQLite, "", half, openSQLite},
		{riverSQLite, theRiver, half, openRiverSQLite},
		{oursPostgres, "", all, openPostgres},
		{riverTuned, theRiver, all, openRiverPostgres(true)},
		{riverDefault, theRiver, few, openRiverPostgres(false)},
		{theAsynq, asynq, few, openAsynq},
	}
}

// runner creates and completes jobs.
type runner interface {
	// reset forgets all jobs. It is not timed.
	reset(ctx context.Context) error
	// create creates n jobs.
	create(ctx context.Context, n, workers int) error
	// settle is called after create and is not timed. It lets the database's planner
	// collect statistics.
	settle(ctx context.Context) error
	// work claims and completes all jobs, and returns when that is durable.
	work(ctx context.Context, n, workers int) error
	// completed returns the number of completed jobs.
	completed(ctx context.Context) (int, error)
	close() error
}

// absent is why a contestant can't run here.
type absent string

func (a absent) Error() string { return string(a) }

// each calls do n times from workers goroutines, until one fails.
func each(ctx context.Context, n, workers int, do func(ctx context.Context, i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					stop(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// timed returns the duration of a call.
func timed(do func() error) (time.Duration, error) {
	began := time.Now()
	err := do()
	return time.Since(began), err
}
