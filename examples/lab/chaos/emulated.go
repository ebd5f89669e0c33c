//go:build unix && !noaws

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/fhirdock/fhirdock/examples/internal/brokerservers"
	"github.com/fhirdock/fhirdock/examples/internal/docservers"
	"github.com/fhirdock/fhirdock/examples/internal/localserver"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

// emulated are the clouds' back ends, in emulators. A build without the clouds' SDKs has
// none.
var emulated = map[string]func(context.Context) (*servers.Lent, error){
	"dynamodb":  documents(docservers.DynamoDB, fromEmulator(brokerservers.SQS)),
	"firestore": documents(docservers.Firestore, servers.Rabbit),
	"mongodb":   documents(docservers.MongoDB, servers.NATS),
}

// documents returns a job store in an emulated document database, and a broker.
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
			if err := os.Setenv(name, value); err != nil { // this process reads the store too
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

// fromEmulator lends an emulator.
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

// absent returns the error of a missing emulator as the error of a missing server.
func absent(err error) error {
	if errors.Is(err, localserver.ErrMissing) {
		return fmt.Errorf("%w: %w", servers.ErrNone, err)
	}
	return err
}
