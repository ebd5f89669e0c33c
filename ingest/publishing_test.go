package ingest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// The pipeline publishes wake-ups as the topic's driver requires.
func TestPublishing(t *testing.T) {
	topic, subscription := local(nil)
	svc, err := ingest.New(ingest.Backends{
		Store: must(blobstore.New(memblob.OpenBucket(nil), nil)),
		Publisher: must(queue.NewPublisher(topic, &queue.PublisherOptions{Metadata: func(m queue.Message) map[string]string {
			return map[string]string{"MessageGroupId": m.OrganizationID}
		}})),
		Jobs: jobs.NewMemStore(),
	}, &ingest.Options{NoUploads: true})
	require.NoError(t, err)
	_, err = svc.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
	require.NoError(t, err)
	msg, err := subscription.Receive(t.Context())
	require.NoError(t, err)
	msg.Ack()
	require.Equal(t, caller.OrganizationID, msg.Metadata["MessageGroupId"])
	require.Equal(t, "webhook", msg.Metadata["source"])
}
