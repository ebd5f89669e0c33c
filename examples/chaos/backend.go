//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"

	"github.com/fhirdock/fhirdock/examples/internal/backends"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
	"github.com/fhirdock/fhirdock/jobs"
)

// lend makes a gateway's back ends other than the folder.
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

// objects are the arguments for an object store other than dirblob, in the same folder.
func (s *site) objects() []string {
	if s.backend != "fileblob" {
		return nil
	}
	// What is written goes into a file beside its place, which a kill leaves there.
	return []string{"-blob", "file://" + filepath.ToSlash(s.data) + "/blobs?create_dir=true"}
}

func init() { maps.Copy(lend, emulated) }

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
			Lose: queue.Lose, Consumed: queue.Consumed,
			Remove: func(ctx context.Context) error { return errors.Join(queue.Remove(ctx), db.Remove(ctx)) },
		}, nil
	}
}

// records opens the gateway's job store from outside.
func records(ctx context.Context, lent *servers.Lent, data string) (jobs.Store, io.Closer, error) {
	back, err := backends.OpenJobs(ctx, backends.Config{Data: data, Jobs: lent.Jobs})
	if err != nil {
		return nil, nil, err
	}
	return back.Jobs, closer(func() error { return back.Close(context.WithoutCancel(ctx)) }), nil
}

type closer func() error

func (c closer) Close() error { return c() }
