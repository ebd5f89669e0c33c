//go:build unix

package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

// Jobs in PostgreSQL and wake-ups by a broker, the roles as processes of their
// own. The sweeper would wake a job only after a minute: it is the broker that
// does.
func TestBrokers(t *testing.T) {
	t.Parallel()
	for name, broker := range map[string]func(context.Context) (*servers.Lent, error){
		"RabbitMQ": servers.Rabbit, "JetStream": servers.NATS,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, queue := proctest.Lend(t, servers.Postgres), proctest.Lend(t, broker)
			data := t.TempDir()
			args := []string{"-jobs", db.Jobs, "-topic", queue.Topic, "-wake-after", "1m"}
			_, w := gateway(t, data, append(args, "-subscription", queue.Subscription, "-role", "worker")...)
			_, c := gateway(t, data, append(args, "-role", "api")...)
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
