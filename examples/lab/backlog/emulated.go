//go:build !noaws && !nokafka && !nogcp && !noazure

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/fhirdock/fhirdock/examples/internal/brokerservers"
	"github.com/fhirdock/fhirdock/examples/internal/localserver"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

var emulated = []*broker{
	{name: "SQS (emulated)", lend: emulator(brokerservers.SQS)},
	{name: "SQS FIFO (emulated)", lend: emulator(brokerservers.SQSFIFO)},
	{name: "Kafka (emulated)", lend: emulator(brokerservers.Kafka)},
}

func emulator(start func(context.Context, string) (*brokerservers.Broker, error)) func(context.Context) (*servers.Lent, error) {
	return func(ctx context.Context) (*servers.Lent, error) {
		folder, err := os.MkdirTemp("", "fhirdock-backlog-queue-")
		if err != nil {
			return nil, err
		}
		b, err := start(ctx, folder)
		if errors.Is(err, localserver.ErrMissing) {
			err = fmt.Errorf("%w: %w", servers.ErrNone, err)
		}
		if err != nil {
			return nil, errors.Join(err, os.RemoveAll(folder))
		}
		return &servers.Lent{Topic: b.Topic, Subscription: b.Subscription, Env: b.Environ(), Remove: func(context.Context) error {
			return errors.Join(b.Close(), os.RemoveAll(folder))
		}}, nil
	}
}
