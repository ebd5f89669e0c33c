package objectstores_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// messages checks the queue's messages for payloads in the store, by webhook and by
// upload. On S3 they have S3's own names, by which consumers find the object.
func messages(t *testing.T, o *opened) {
	topic, subscription, err := queue.NewLocal(nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, errors.Join(topic.Shutdown(context.Background()), subscription.Shutdown(context.Background())))
	})
	back := o.Backends.Backends
	back.Publisher, back.Jobs = must(queue.NewPublisher(topic, nil)), jobs.NewMemStore()
	svc, err := ingest.New(back, nil)
	require.NoError(t, err)
	who := ingest.Caller{OrganizationID: "1.2.840", UserID: "alice"}
	next := func(id string) {
		t.Helper()
		m, err := subscription.Receive(t.Context())
		require.NoError(t, err)
		m.Ack()
		var message map[string]any
		require.NoError(t, json.Unmarshal(m.Body, &message))
		require.Equal(t, id, message["jobId"])
		require.Equal(t, o.store.Name(), message["bucket"])
		if !o.store.S3() {
			require.NotContains(t, message, "s3Bucket")
			return
		}
		require.Equal(t, o.store.Name(), message["s3Bucket"])
		require.Equal(t, message["key"], message["s3Key"])
		there, err := o.store.Bucket().Exists(t.Context(), message["s3Key"].(string))
		require.NoError(t, err)
		require.True(t, there)
	}

	const bundle = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient"}}]}`
	receipt, err := svc.Accept(t.Context(), who, ingest.AcceptRequest{Body: strings.NewReader(bundle)})
	require.NoError(t, err)
	next(receipt.Job.ID)

	ticket, err := svc.SignUpload(t.Context(), who, ingest.UploadRequest{ContentType: "application/ndjson"})
	require.NoError(t, err)
	require.Equal(t, o.store.S3(), ticket.S3)
	put, err := http.NewRequestWithContext(t.Context(), ticket.Upload.Method, ticket.Upload.URL, strings.NewReader(`{"resourceType":"Patient"}`))
	require.NoError(t, err)
	for name, value := range ticket.Upload.Headers {
		put.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(put)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Less(t, resp.StatusCode, 300)
	require.NoError(t, svc.ObjectCreated(t.Context(), notify.ObjectCreated{Bucket: o.store.Name(), Key: ticket.Job.Payload.Key}))
	next(ticket.Job.ID)
}
