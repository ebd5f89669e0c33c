package main

import (
	"context"
	"sync"
	"time"
)

// contestant is one way to keep jobs.
type contestant struct {
	name   string
	module string // whose version is shown; empty for ours
	// jobs that it does in a round: fewer where it is slow.
	jobs func(config) int
	// open prepares it. An error that is absent leaves it out.
	open func(ctx context.Context, c config) (runner, error)
}

// Names of the contestants that goals are about.
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

// runner takes jobs through their life.
type runner interface {
	// reset forgets all jobs. It is not timed.
	reset(ctx context.Context) error
	// create creates so many jobs.
	create(ctx context.Context, n, workers int) error
	// settle is called behind create and is not timed: the database's planner learns
	// what is there.
	settle(ctx context.Context) error
	// work claims and completes all of them, and returns when that is durable.
	work(ctx context.Context, n, workers int) error
	// completed counts the jobs that are.
	completed(ctx context.Context) (int, error)
	close() error
}

// absent says why a contestant can't be run here.
type absent string

func (a absent) Error() string { return string(a) }

// each calls do n times from so many goroutines, until one fails.
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

// timed is how long a call took.
func timed(do func() error) (time.Duration, error) {
	began := time.Now()
	err := do()
	return time.Since(began), err
}
