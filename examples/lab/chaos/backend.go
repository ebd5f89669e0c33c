//go:build unix

package main

import (
	"context"
	"errors"
	"maps"
	"path/filepath"

	_ "github.com/fhirdock/fhirdock/examples/internal/drivers"

	"github.com/fhirdock/fhirdock/examples/internal/servers"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/jobs"
)

// lend creates a gateway's back ends other than the folder.
var lend = map[string]func(context.Context) (*servers.Lent, error){
	"sqlite":    embedded,
	"fileblob":  embedded,
	"postgres":  servers.Postgres,
	"rabbitmq":  with(servers.Rabbit),
	"jetstream": with(servers.NATS),
	"notify":    with(servers.Notify),
}

func embedded(context.Context) (*servers.Lent, error) {
	return &servers.Lent{Remove: func(context.Context) error { return nil }}, nil
}

// objects returns the arguments for an object store other than dirblob, in the same folder.
func (s *site) objects() []string {
	if s.backend != "fileblob" {
		return nil
	}
	// It writes a temporary file next to the object, which a kill leaves there.
	return []string{"-blob", "file://" + filepath.ToSlash(s.data) + "/blobs?create_dir=true"}
}

func init() { maps.Copy(lend, emulated) }

// with returns PostgreSQL and a broker, which may be PostgreSQL too.
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
			Lose: queue.Lose, Consumed: queue.Consumed,
			Remove: func(ctx context.Context) error { return errors.Join(queue.Remove(ctx), db.Remove(ctx)) },
		}, nil
	}
}

// records opens the gateway's job store from outside.
func records(ctx context.Context, lent *servers.Lent, data string) (jobs.Store, func() error, error) {
	return backends.OpenJobs(ctx, lent.Jobs, &backends.Options{Data: data})
}
