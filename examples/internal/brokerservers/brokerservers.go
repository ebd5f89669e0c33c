// Package brokerservers starts the brokers that the packages of queue/brokers are tested
// on where no real one can be had, each on a free port of this machine, in memory.
// RabbitMQ, NATS and PostgreSQL are real: see package servers.
//
// # What each of them proves
//
//   - [SQS], [SQSFIFO] and [SNS] are fauxqs, an emulator. It has visibility timeouts,
//     the groups and the deduplication of FIFO, and long polling; it checks no
//     signatures and no policies.
//   - [PubSub] is pstest, Google's own fake. It has ack deadlines and orders by key, but
//     takes several keys in one request, which Pub/Sub does not.
//   - [Kafka] is kfake, of the authors of a client. It has groups, offsets and SCRAM, and
//     no replicas.
//   - [ServiceBus] is a stand-in of our own. It has locks and settling, and is no witness
//     to what Service Bus does.
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
	// Name of the server, and what it is.
	Name string
	// Address is HOST:PORT of it.
	Address string
	// Env is what a process needs in its environment in order to open Topic and
	// Subscription, by package backends.
	Env                 map[string]string
	Topic, Subscription string
	// PubSub is the server of [PubSub].
	PubSub *pstest.Server
	// Publishes, Pulls and AtOnce count what it was asked: the last one those of Pulls
	// that did not want to wait.
	Publishes, Pulls, AtOnce atomic.Int64
	// Cut ends all connections to the server of [Kafka].
	Cut func()

	stop func() error
}

// By makes another address the way to the broker. A client of Kafka goes on by the
// address that the broker tells it.
func (b *Broker) By(address string) {
	// Queues of SQS are named by the address of their server, whatever the way to it.
	b.Topic = strings.ReplaceAll(b.Topic, "http://"+b.Address, "http://"+address)
	b.Subscription = strings.ReplaceAll(b.Subscription, "http://"+b.Address, "http://"+address)
	for name, value := range b.Env {
		b.Env[name] = strings.ReplaceAll(value, b.Address, address)
	}
}

// Close stops the server. It is an error if that fails.
func (b *Broker) Close() error { return b.stop() }

// Environ is Env as a process takes it.
func (b *Broker) Environ() []string {
	var env []string
	for name, value := range b.Env {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}

// Start starts a server for the time of a test. It skips the test, aloud, where the
// server is not installed, or fails it where FHIRDOCK_TEST_ALL is 1.
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

// SkipWithout does what Start does with an error of a server's start.
func SkipWithout(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, localserver.ErrMissing) && os.Getenv("FHIRDOCK_TEST_ALL") != "1":
		t.Skipf("SKIPPED: %v", err)
	case err != nil:
		t.Fatal(err)
	}
}

// Lend is Start that sets the environment of the test.
func Lend(t *testing.T, start func(ctx context.Context, folder string) (*Broker, error)) *Broker {
	t.Helper()
	b := Start(t, start)
	for name, value := range b.Env {
		t.Setenv(name, value)
	}
	return b
}
