//go:build unix

package main

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"

	_ "github.com/jackc/pgx/v5/stdlib" // postgres://
	_ "modernc.org/sqlite"

	"github.com/fhirdock/fhirdock/examples/internal/servers"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// lend makes a gateway's back ends other than the folder.
var lend = map[string]func(context.Context) (*servers.Lent, error){
	"sqlite": func(context.Context) (*servers.Lent, error) {
		return &servers.Lent{Remove: func(context.Context) error { return nil }}, nil
	},
	"postgres":  servers.Postgres,
	"rabbitmq":  with(servers.Rabbit),
	"jetstream": with(servers.NATS),
	"notify":    with(servers.Notify),
}

// with is PostgreSQL and a broker, which may be PostgreSQL too.
func with(broker func(context.Context) (*servers.Lent, error)) func(context.Context) (*servers.Lent, error) {
	return func(ctx context.Context) (*servers.Lent, error) {
		db, err := servers.Postgres(ctx)
		if err != nil {
			return nil, err
		}
		queue, err := broker(ctx)
		if err != nil {
			return nil, errors.Join(err, db.Remove(ctx))
		}
		return &servers.Lent{
			Jobs: db.Jobs, Topic: queue.Topic, Subscription: queue.Subscription, Env: queue.Env,
			Remove: func(ctx context.Context) error { return errors.Join(queue.Remove(ctx), db.Remove(ctx)) },
		}, nil
	}
}

// records opens the gateway's job store from outside.
func records(ctx context.Context, lent *servers.Lent, data string) (jobs.Store, *sql.DB, error) {
	driver, dsn := "sqlite", sqljobs.SQLiteDSN(filepath.Join(data, "jobs.sqlite"))
	if lent.Jobs != "" {
		driver, dsn = "pgx", lent.Jobs
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, nil, err
	}
	store, err := sqljobs.Open(ctx, db, nil)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return store, db, nil
}
