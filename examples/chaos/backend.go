//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/fhirdock/fhirdock/examples/internal/backends"
	"github.com/fhirdock/fhirdock/examples/internal/brokerservers"
	"github.com/fhirdock/fhirdock/examples/internal/docservers"
	"github.com/fhirdock/fhirdock/examples/internal/localserver"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
	"github.com/fhirdock/fhirdock/jobs"
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
	"dynamodb":  documents(docservers.DynamoDB, fromEmulator(brokerservers.SQS)),
	"firestore": documents(docservers.Firestore, servers.Rabbit),
	"mongodb":   documents(docservers.MongoDB, servers.NATS),
}

// documents is a job store in an emulator of a document database, and a broker.
func documents(start func(context.Context, string) (*docservers.Server, error), broker func(context.Context) (*servers.Lent, error)) func(context.Context) (*servers.Lent, error) {
	return func(ctx context.Context) (_ *servers.Lent, err error) {
		folder, err := os.MkdirTemp("", "fhirdock-chaos-jobs-")
		if err != nil {
			return nil, err
		}
		var closers []func() error
		end := func() error {
			var errs []error
			for _, c := range slices.Backward(closers) {
				errs = append(errs, c())
			}
			return errors.Join(errs...)
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, end())
			}
		}()
		closers = append(closers, func() error { return os.RemoveAll(folder) })
		s, err := start(ctx, folder)
		if err != nil {
			return nil, absent(err)
		}
		closers = append(closers, s.Close)
		lent := &servers.Lent{}
		for name, value := range s.Env {
			lent.Env = append(lent.Env, name+"="+value)
			if err := os.Setenv(name, value); err != nil { // this process looks into the store
				return nil, err
			}
		}
		if lent.Jobs, err = s.Fresh(ctx); err != nil {
			return nil, err
		}
		queue, err := broker(ctx)
		if err != nil {
			return nil, err
		}
		lent.Topic, lent.Subscription, lent.Env = queue.Topic, queue.Subscription, append(lent.Env, queue.Env...)
		lent.Remove = func(ctx context.Context) error { return errors.Join(queue.Remove(ctx), end()) }
		return lent, nil
	}
}

// fromEmulator lends what is an emulator's.
func fromEmulator(start func(context.Context, string) (*brokerservers.Broker, error)) func(context.Context) (*servers.Lent, error) {
	return func(ctx context.Context) (*servers.Lent, error) {
		folder, err := os.MkdirTemp("", "fhirdock-chaos-queue-")
		if err != nil {
			return nil, err
		}
		b, err := start(ctx, folder)
		if err != nil {
			return nil, errors.Join(absent(err), os.RemoveAll(folder))
		}
		return &servers.Lent{Topic: b.Topic, Subscription: b.Subscription, Env: b.Environ(), Remove: func(context.Context) error {
			return errors.Join(b.Close(), os.RemoveAll(folder))
		}}, nil
	}
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

// absent has an emulator that is not installed as a server that there is none of.
func absent(err error) error {
	if errors.Is(err, localserver.ErrMissing) {
		return fmt.Errorf("%w: %w", servers.ErrNone, err)
	}
	return err
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
