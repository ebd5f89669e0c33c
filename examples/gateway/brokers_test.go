//go:build unix && !noaws

package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/brokerservers"
	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/localserver"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

// Jobs in PostgreSQL, wake-ups by a broker, and a process for each role. Without wake-ups
// the worker would find a job only after minutes.
func TestBrokers(t *testing.T) {
	t.Parallel()
	// Cloud brokers are emulators: see package brokerservers.
	lend := map[string]func(t *testing.T) (topic, subscription string, env []string){
		"RabbitMQ": onServer(servers.Rabbit), "JetStream": onServer(servers.NATS),
		"SQS": onEmulator(brokerservers.SQS), "SQS FIFO": onEmulator(brokerservers.SQSFIFO), "SNS": onEmulator(brokerservers.SNS),
		"Pub/Sub": onEmulator(brokerservers.PubSub), "Service Bus": onEmulator(brokerservers.ServiceBus), "Kafka": onEmulator(brokerservers.Kafka),
	}
	for name, broker := range lend {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := proctest.Lend(t, servers.Postgres)
			topic, subscription, env := broker(t)
			data := t.TempDir()
			args := []string{"-jobs", db.Jobs, "-topic", topic, "-poll-every", "1h"}
			w := gatewayIn(t, env, data, append(args, "-subscription", subscription, "-role", "worker")...)
			c := gatewayIn(t, env, data, append(args, "-role", "api")...)
			status, _ := get(t, w.Base+"/readyz")
			require.Equal(t, 200, status)

			receipt, err := c.PostBundle(t.Context(), bundle("x"), -1)
			require.NoError(t, err)
			ticket, err := c.UploadURL(t.Context(), "application/fhir+ndjson", 0)
			require.NoError(t, err)
			line := `{"resourceType":"Patient","id":"a"}`
			require.NoError(t, c.Upload(t.Context(), ticket, strings.NewReader(line), int64(len(line))))
			require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)
			require.Equal(t, "completed", follow(t, c, ticket.UploadID).Status)
		})
	}
}

// A gateway starts while its broker is down, and works by polling. It subscribes once the
// broker is up.
func TestBrokersThatComeLater(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(context.Context, string) (*brokerservers.Broker, error){
		"SQS": brokerservers.SQS, "Pub/Sub": brokerservers.PubSub, "Service Bus": brokerservers.ServiceBus, "Kafka": brokerservers.Kafka,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lent := brokerservers.Start(t, start)
			server := lent.Address
			near, err := localserver.FreeAddress()
			require.NoError(t, err)
			lent.By(near)
			c := gatewayIn(t, lent.Environ(), t.TempDir(), "-topic", lent.Topic, "-subscription", lent.Subscription, "-poll-every", "1s")
			completes := func() {
				t.Helper()
				receipt, err := c.PostBundle(t.Context(), bundle("x"), -1)
				require.NoError(t, err)
				require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)
			}
			completes()
			becomesReady(t, c.Base, 200, "ready", "degraded", "queue")
			cable, err := localserver.NewCableAt(near, server)
			require.NoError(t, err)
			t.Cleanup(func() { _ = cable.Close() })
			require.Eventually(t, func() bool {
				_, body := get(t, c.Base+"/readyz")
				return !strings.Contains(body, "queue")
			}, time.Minute, 100*time.Millisecond, "the subscription is open")
			completes()
		})
	}
}

func onServer(open func(context.Context) (*servers.Lent, error)) func(t *testing.T) (topic, subscription string, env []string) {
	return func(t *testing.T) (topic, subscription string, env []string) {
		lent := proctest.Lend(t, open)
		return lent.Topic, lent.Subscription, lent.Env
	}
}

func onEmulator(start func(context.Context, string) (*brokerservers.Broker, error)) func(t *testing.T) (topic, subscription string, env []string) {
	return func(t *testing.T) (topic, subscription string, env []string) {
		lent := brokerservers.Start(t, start)
		return lent.Topic, lent.Subscription, lent.Environ()
	}
}

// gatewayIn is gateway with additional environment variables.
func gatewayIn(t *testing.T, env []string, data string, args ...string) *frontdoor.Client {
	t.Helper()
	p := proctest.Start(t, "env", slices.Concat(env, []string{binary, "-addr", "127.0.0.1:0", "-data", data}, args)...)
	return &frontdoor.Client{Base: p.Wait(t, `msg=listening url=(http://[0-9.:]+)`)[1], Token: "dev"}
}
