package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// payload is the data of a peer's job, the same as in fhirdock's queue message.
type payload struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Size   int64  `json:"size"`
}

// Kind implements [river.JobArgs].
func (payload) Kind() string { return "payload" }

func payloadOf(i int) payload {
	return payload{Bucket: "payloads", Key: fmt.Sprintf("incoming/fhir/demo/2026/11/24/%d.json", i), Size: 16 << 10}
}

// riverRunner runs jobs through River. Its client inserts them, fetches as many as workers
// are free, and completes them in batches.
type riverRunner[TTx any] struct {
	tuned  bool
	client func(*river.Config) (*river.Client[TTx], error)
	db     *sql.DB
	fresh  func() error
	end    func() error
}

// insertTogether is the number of jobs that tuned River inserts at once.
const insertTogether = 1000

func openRiverPostgres(tuned bool) func(context.Context, config) (runner, error) {
	return func(ctx context.Context, c config) (runner, error) {
		url, drop, err := newSchema(ctx, c.postgres)
		if err != nil {
			return nil, err
		}
		settings, err := pgxpool.ParseConfig(url)
		if err != nil {
			return nil, firstError(err, drop())
		}
		settings.MaxConns = int32(c.conns)
		pool, err := pgxpool.NewWithConfig(ctx, settings)
		if err != nil {
			return nil, firstError(err, drop())
		}
		driver := riverpgxv5.New(pool)
		r := &riverRunner[pgx.Tx]{tuned: tuned, client: func(c *river.Config) (*river.Client[pgx.Tx], error) { return river.NewClient(driver, c) }}
		if r.db, err = sql.Open("pgx", url); err == nil {
			r.fresh = func() error {
				_, err := r.db.ExecContext(ctx, "TRUNCATE river_job")
				return err
			}
			err = migrateRiver(rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)}))(ctx)
		}
		r.end = func() error {
			pool.Close()
			return firstError(r.db.Close(), drop())
		}
		if err != nil {
			return nil, firstError(err, r.end())
		}
		return r, nil
	}
}

func openRiverSQLite(ctx context.Context, _ config) (runner, error) {
	f := &file{name: "river"}
	r := &riverRunner[*sql.Tx]{tuned: true, end: f.remove}
	r.fresh = func() error {
		path, err := f.next()
		if err != nil {
			return err
		}
		// Our settings, with one connection as its documentation requires.
		if f.db, err = sql.Open("sqlite", sqljobs.SQLiteDSN(path)); err != nil {
			return err
		}
		f.db.SetMaxOpenConns(1)
		r.db = f.db
		driver := riversqlite.New(f.db)
		r.client = func(c *river.Config) (*river.Client[*sql.Tx], error) { return river.NewClient(driver, c) }
		return migrateRiver(rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)}))(ctx)
	}
	return r, nil
}

func migrateRiver[TTx any](m *rivermigrate.Migrator[TTx], err error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err != nil {
			return err
		}
		_, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	}
}

func (r *riverRunner[TTx]) reset(context.Context) error { return r.fresh() }

func (r *riverRunner[TTx]) create(ctx context.Context, n, workers int) error {
	client, err := r.client(&river.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if !r.tuned {
		return each(ctx, n, workers, func(ctx context.Context, i int) error {
			_, err := client.Insert(ctx, payloadOf(i), nil)
			return err
		})
	}
	for done := 0; done < n; done += insertTogether {
		batch := make([]river.InsertManyParams, min(insertTogether, n-done))
		for i := range batch {
			batch[i].Args = payloadOf(done + i)
		}
		if _, err := client.InsertManyFast(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

func (r *riverRunner[TTx]) settle(ctx context.Context) error { return analyze(ctx, r.db, "river_job") }

func (r *riverRunner[TTx]) work(ctx context.Context, n, workers int) (err error) {
	set := river.NewWorkers()
	river.AddWorker(set, river.WorkFunc(func(context.Context, *river.Job[payload]) error { return nil }))
	c := &river.Config{
		Logger: slog.New(slog.DiscardHandler), Workers: set,
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
	}
	if r.tuned { // the shortest interval allowed
		c.FetchCooldown, c.FetchPollInterval = river.FetchCooldownMin, river.FetchPollIntervalMin
	}
	client, err := r.client(c)
	if err != nil {
		return err
	}
	// River sends an event after committing the completion.
	events, unsubscribe := client.SubscribeConfig(&river.SubscribeConfig{
		ChanSize: n, Kinds: []river.EventKind{river.EventKindJobCompleted, river.EventKindJobFailed},
	})
	defer unsubscribe()
	if err := client.Start(ctx); err != nil {
		return err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = firstError(err, client.StopAndCancel(ending))
	}()
	for range n {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-events:
			if e == nil || e.Kind != river.EventKindJobCompleted {
				return errors.New("river did not complete a job")
			}
		}
	}
	return nil
}

func (r *riverRunner[TTx]) completed(ctx context.Context) (n int, err error) {
	err = r.db.QueryRowContext(ctx, "SELECT count(*) FROM river_job WHERE state = 'completed'").Scan(&n)
	return n, err
}

func (r *riverRunner[TTx]) close() error { return r.end() }
