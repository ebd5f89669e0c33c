//go:build unix && !noaws

package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/brokerservers"
	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

// Jobs in PostgreSQL and wake-ups by a broker, the roles as processes of their
// own. The sweeper would wake a job only after a minute: it is the broker that
// does.
func TestBrokers(t *testing.T) {
	t.Parallel()
	// Those of others than of this machine are emulators: see package brokerservers.
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
			args := []string{"-jobs", db.Jobs, "-topic", topic, "-wake-after", "1m"}
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

// gatewayIn is gateway with variables more in its environment.
func gatewayIn(t *testing.T, env []string, data string, args ...string) *frontdoor.Client {
	t.Helper()
	p := proctest.Start(t, "env", slices.Concat(env, []string{binary, "-addr", "127.0.0.1:0", "-data", data}, args)...)
	return &frontdoor.Client{Base: p.Wait(t, `msg=listening url=(http://[0-9.:]+)`)[1], Token: "dev"}
}
