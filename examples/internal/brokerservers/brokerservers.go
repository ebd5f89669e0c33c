// Package brokerservers starts stand-ins for brokers that can't be run here, to test the
// packages of queue/brokers, each on a free port of this machine, in memory. RabbitMQ,
// NATS and PostgreSQL are real: see package servers.
//
// # What each of them proves
//
//   - [SQS], [SQSFIFO] and [SNS] are fauxqs, an emulator. It has visibility timeouts,
//     FIFO groups and deduplication, and long polling. It checks no signatures and no
//     policies.
//   - [PubSub] is pstest, Google's own fake. It has ack deadlines and ordering keys, but
//     accepts several keys in one request, which Pub/Sub does not.
//   - [Kafka] is kfake, by the authors of a client. It has groups, offsets and SCRAM, but
//     no replicas.
//   - [ServiceBus] is our own stand-in. It has locks and settlement, and proves nothing
//     about Service Bus itself.
package brokerservers

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"cloud.google.com/go/pubsub/v2/pstest"

	"github.com/fhirdock/fhirdock/examples/internal/localserver"
)

// Broker is a running broker. Close stops it.
type Broker struct {
	// Name and kind of the server.
	Name string
	// Address is its HOST:PORT.
	Address string
	// Env is the environment that a process needs to open Topic and Subscription with
	// package backends.
	Env                 map[string]string
	Topic, Subscription string
	// PubSub is the server of [PubSub].
	PubSub *pstest.Server
	// Publishes, Pulls and AtOnce count requests. AtOnce counts the Pulls that did not
	// want to wait.
	Publishes, Pulls, AtOnce atomic.Int64
	// Cut ends all connections to the server of [Kafka].
	Cut func()

	stop func() error
}

// By replaces the broker's address. A Kafka client then connects to the address that the
// broker advertises.
func (b *Broker) By(address string) {
	// SQS queues are named by their server's address, through whatever address they are
	// reached.
	b.Topic = strings.ReplaceAll(b.Topic, "http://"+b.Address, "http://"+address)
	b.Subscription = strings.ReplaceAll(b.Subscription, "http://"+b.Address, "http://"+address)
	for name, value := range b.Env {
		b.Env[name] = strings.ReplaceAll(value, b.Address, address)
	}
}

// Close stops the server. It is an error if that fails.
func (b *Broker) Close() error { return b.stop() }

// Environ returns Env in the form of os.Environ.
func (b *Broker) Environ() []string {
	var env []string
	for name, value := range b.Env {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}

// Start starts a server for a test. If the server is not installed the test is skipped
// with a message, or fails if FHIRDOCK_TEST_ALL is 1.
func Start(t testing.TB, start func(ctx context.Context, folder string) (*Broker, error)) *Broker {
	t.Helper()
	b, err := start(t.Context(), t.TempDir())
	SkipWithout(t, err)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("not stopped: %v", err)
		}
	})
	t.Logf("on %s", b.Name)
	return b
}

// SkipWithout treats an error of a server's start as Start does.
func SkipWithout(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, localserver.ErrMissing) && os.Getenv("FHIRDOCK_TEST_ALL") != "1":
		t.Skipf("SKIPPED: %v", err)
	case err != nil:
		t.Fatal(err)
	}
}

// Lend is Start, and sets the test's environment.
func Lend(t *testing.T, start func(ctx context.Context, folder string) (*Broker, error)) *Broker {
	t.Helper()
	b := Start(t, start)
	for name, value := range b.Env {
		t.Setenv(name, value)
	}
	return b
}
