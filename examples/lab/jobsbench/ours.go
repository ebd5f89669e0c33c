package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // pgx
	_ "modernc.org/sqlite"             // sqlite

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// ours runs jobs through a store like package ingest: a job is created, a worker asks for
// the next jobs and claims as many as it has free places, and each is completed. That is
// three durable writes, with claims made together.
type ours struct {
	jobs.Store
	db    *sql.DB // nil for the store in memory
	fresh func() error
	end   func() error
}

func openMemory(context.Context, config) (runner, error) {
	o := &ours{Store: jobs.NewMemStore(), end: func() error { return nil }}
	o.fresh = func() error {
		o.Store = jobs.NewMemStore()
		return nil
	}
	return o, nil
}

func openSQLite(ctx context.Context, c config) (runner, error) {
	o := &ours{}
	f := &file{name: "fhirdock"}
	o.end = f.remove
	o.fresh = func() error {
		path, err := f.next()
		if err != nil {
			return err
		}
		if f.db, err = sql.Open("sqlite", sqljobs.SQLiteDSN(path)); err != nil {
			return err
		}
		o.db = f.db
		o.db.SetMaxIdleConns(c.conns)
		o.db.SetMaxOpenConns(c.conns)
		o.Store, err = sqljobs.Open(ctx, o.db, nil)
		return err
	}
	return o, nil
}

func openPostgres(ctx context.Context, c config) (runner, error) {
	url, drop, err := newSchema(ctx, c.postgres)
	if err != nil {
		return nil, err
	}
	o := &ours{}
	if o.db, err = sql.Open("pgx", url); err != nil {
		return nil, err
	}
	o.db.SetMaxIdleConns(c.conns)
	o.db.SetMaxOpenConns(c.conns)
	o.end = func() error { return firstError(o.db.Close(), drop()) }
	o.fresh = func() error {
		_, err := o.db.ExecContext(ctx, "TRUNCATE fhirdock_jobs")
		return err
	}
	o.Store, err = sqljobs.Open(ctx, o.db, nil)
	return o, err
}

func (o *ours) reset(context.Context) error {
	return o.fresh()
}

func (o *ours) create(ctx context.Context, n, workers int) error {
	return each(ctx, n, workers, func(ctx context.Context, i int) error {
		now := time.Now()
		job := &jobs.Job{
			ID: jobs.NewID(), OrganizationID: "demo", OrganizationName: "Demo Clinic", UserID: "user", Source: jobs.Webhook,
			State: jobs.Accepted, MaxAttempts: 5, DueAt: now.Add(jobs.Overdue), CreatedAt: now, UpdatedAt: now,
			ResourceCounts: map[string]int64{"Patient": 1, "Observation": 20},
			Payload: jobs.Payload{
				Bucket: "payloads", Key: fmt.Sprintf("incoming/fhir/demo/2026/11/24/%d.json", i), Size: 16 << 10,
				ContentType: "application/fhir+json", Format: "bundle", BundleType: "transaction", Validated: true,
			},
		}
		return o.Create(ctx, job)
	})
}

func (o *ours) settle(ctx context.Context) error { return analyze(ctx, o.db, "fhirdock_jobs") }

func (o *ours) work(ctx context.Context, n, workers int) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	places := make(chan struct{}, workers)
	var running sync.WaitGroup
	defer running.Wait()
	for left := n; left > 0; {
		free, err := take(ctx, places)
		if err != nil {
			return err
		}
		now, owner := time.Now(), 0
		found, err := o.Next(ctx, jobs.NextQuery{Now: now, Limit: free, PerOrganization: free, Claim: func(j *jobs.Job) error {
			owner++
			_, err := j.Take(now, fmt.Sprint("worker/", owner), 30*time.Second)
			return err
		}})
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("%d jobs wait, but Next returns none", left)
		}
		if err != nil {
			stop(err)
			return err
		}
		left -= len(found)
		for range free - len(found) {
			<-places
		}
		for _, job := range found {
			running.Go(func() {
				defer func() { <-places }()
				err := job.Complete(time.Now(), jobs.Claim{JobID: job.ID, Owner: job.LeaseOwner, Attempt: job.Attempt})
				if err == nil {
					err = o.Update(ctx, job)
				}
				if err != nil {
					stop(err)
				}
			})
		}
	}
	running.Wait()
	return context.Cause(ctx)
}

// take waits for a free place and takes all free ones, at most [jobs.MaxPage].
func take(ctx context.Context, places chan struct{}) (n int, err error) {
	select {
	case places <- struct{}{}:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	for n = 1; n < jobs.MaxPage; n++ {
		select {
		case places <- struct{}{}:
		default:
			return n, nil
		}
	}
	return n, nil
}

func (o *ours) completed(ctx context.Context) (n int, err error) {
	if o.db != nil {
		err = o.db.QueryRowContext(ctx, "SELECT count(*) FROM fhirdock_jobs WHERE state = 'completed'").Scan(&n)
		return n, err
	}
	for q := (jobs.Query{OrganizationID: "demo", State: jobs.Completed, Limit: jobs.MaxPage}); ; {
		page, err := o.List(ctx, q)
		if err != nil {
			return 0, err
		}
		n += len(page.Jobs)
		if q.Cursor = page.Next; q.Cursor == "" {
			return n, nil
		}
	}
}

func (o *ours) close() error { return o.end() }

// file is a SQLite database, a new one for each round.
type file struct {
	name, dir string
	db        *sql.DB
}

// next removes the last database and returns the path of a new one.
func (f *file) next() (string, error) {
	if err := f.remove(); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "jobsbench-"+f.name)
	f.dir = dir
	return filepath.Join(dir, "jobs.db"), err
}

func (f *file) remove() error {
	if f.dir == "" {
		return nil
	}
	var err error
	if f.db != nil {
		err = f.db.Close()
	}
	return firstError(err, os.RemoveAll(f.dir))
}
