package main

import (
	"context"

	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

// broker is a way to send wake-ups to workers.
type broker struct {
	name string
	// lend is nil for the in-process queue, which all workers share.
	lend func(context.Context) (*servers.Lent, error)
}

var errNone = servers.ErrNone

var brokers = append([]*broker{
	{name: "in process"},
	{name: "NOTIFY", lend: servers.Notify},
	{name: "NATS", lend: servers.NATS},
	{name: "RabbitMQ", lend: servers.Rabbit},
}, emulated...)

func find(name string) *broker {
	for _, b := range brokers {
		if b.name == name {
			return b
		}
	}
	return nil
}
