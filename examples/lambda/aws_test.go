//go:build unix

package main

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/brokerservers"
	"github.com/fhirdock/fhirdock/examples/internal/docservers"
	"github.com/fhirdock/fhirdock/examples/internal/objectstores"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/queue"
)

// The functions on the template's back ends: its table on dynalite and a FIFO queue on
// fauxqs, which are emulators, and a real S3 server.
func TestFunctionsOnTheTemplatesBackEnds(t *testing.T) {
	documents := docservers.Lend(t, docservers.DynamoDB)
	broker := brokerservers.Start(t, brokerservers.SQSFIFO)
	store := objectstores.Lend(t, objectstores.In(t.TempDir(), objectstores.S3)) // last, since the test reads its keys

	definition, err := json.Marshal(at(readTemplate(t).Resources, "Jobs", "Properties"))
	require.NoError(t, err)
	var in dynamodb.CreateTableInput
	require.NoError(t, json.Unmarshal(definition, &in))
	const table = "by-the-template"
	in.TableName, in.SSESpecification = new(table), nil // CloudFormation names this option differently
	address := documents.Env[docservers.AddressVariable]
	_, err = docservers.DynamoDBClient(address).CreateTable(t.Context(), &in)
	require.NoError(t, err)

	s := startFunctions(t, store, "", nil, []string{
		"FHIRDOCK_BLOB=" + store.URL, "FHIRDOCK_TOPIC=" + broker.Topic,
		"FHIRDOCK_JOBS=dynamodb://" + table + "?region=us-east-1&endpoint=http://" + address,
	})
	opener, err := backends.OpenNotifications(t.Context(), broker.Subscription, nil)
	require.NoError(t, err)
	bodies := make(chan string)
	s.wakeUps = bodies
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- must(queue.NewConsumer(opener, nil)).RunRaw(ctx, func(_ context.Context, m queue.Raw) error {
			select {
			case bodies <- string(m.Body):
			case <-ctx.Done():
			}
			return nil
		})
	}()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	try(t, s)
}
