//go:build unix && !noaws

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/examples/internal/apigateway/apigatewaytest"
	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
)

// copyIn writes an object as aws s3 cp does.
func (s *service) copyIn(t *testing.T, key, content string, metadata map[string]string) {
	t.Helper()
	store, err := blobstore.Open(t.Context(), s.store.URL, nil)
	require.NoError(t, err)
	defer store.Close()
	require.NoError(t, store.Bucket().WriteAll(context.Background(), key, []byte(content), &blob.WriterOptions{ContentType: "binary/octet-stream", Metadata: metadata}))
}

// jobs returns an organization's jobs, newest first.
func (s *service) jobs(t *testing.T, organization string) []frontdoor.Job {
	t.Helper()
	a := s.call(t, apigatewaytest.REST(t, apigatewaytest.Request{Method: http.MethodGet, Path: "/v1/ingestion/jobs", Authorizer: `{"organizationId":"` + organization + `"}`}))
	require.Equal(t, http.StatusOK, a.StatusCode, a.Body)
	var list struct{ Jobs []frontdoor.Job }
	require.NoError(t, json.Unmarshal([]byte(a.Body), &list))
	return list.Jobs
}

// Files copied into the bucket become jobs through S3's event, through a message of the
// original service, and without either. Each kind of object has its own prefix.
func TestAdoption(t *testing.T) {
	s := startServiceAs(t, "", nil, "FHIRDOCK_ADOPT=incoming/drop", "FHIRDOCK_PREFIX=incoming/payloads",
		"FHIRDOCK_OUTPUT_PREFIX=lake", "FHIRDOCK_OUTCOMES_PREFIX=rejected", "FHIRDOCK_STAGING_PREFIX=tmp")
	const line = `{"resourceType":"Patient","id":"a"}`
	s.copyIn(t, "incoming/drop/demo/dump 1.ndjson", line, nil)
	for range 2 {
		answer, failure := s.uploads.invoke(t, s3Event(t, "ObjectCreated:Put", s.bucket, "incoming/drop/demo/dump 1.ndjson"), 30*time.Second)
		require.Empty(t, failure)
		require.JSONEq(t, `{"processed":1,"errors":0}`, answer)
	}
	s.work(t, time.Minute, s.woken(t))
	there := s.jobs(t, "demo")
	require.Len(t, there, 1)
	require.Equal(t, "completed", there[0].Status)
	require.Equal(t, "lake/demo/"+there[0].JobID+"/Patient.ndjson", there[0].Outputs[0].Key)

	// The original service's message, with its object's job_id.
	const theirs = "job-org9-20260101000000-0a1b2c3d"
	s.copyIn(t, "incoming/drop/org9/2026/01/01/"+theirs+".json", bundle, map[string]string{"job_id": theirs})
	said := func(key string) string {
		return `{"jobId": "` + theirs + `", "s3Bucket": "` + s.bucket + `", "s3Key": "` + key + `", "organizationId": "demo", "timestamp": "2026-01-01T00:00:00Z"}`
	}
	s.work(t, time.Minute, said("incoming/drop/org9/2026/01/01/"+theirs+".json"))
	s.work(t, time.Minute, s.woken(t))
	other := s.jobs(t, "org9")
	require.Len(t, other, 1)
	require.Equal(t, "completed", other[0].Status)
	require.Len(t, s.jobs(t, "demo"), 1, "the message's organization is ignored")

	// A message whose object is not adopted goes to the dead-letter queue.
	answer, failure := s.worker.invoke(t, sqsEvent(t, inGroup("m1", said("elsewhere/demo/a.json")), inGroup("m2", "junk")), time.Minute)
	require.Empty(t, failure)
	require.JSONEq(t, `{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m2"}]}`, answer)
	require.Eventually(t, func() bool { return strings.Contains(s.worker.process.Stderr.String(), `"kind":"message_ignored"`) },
		10*time.Second, 10*time.Millisecond)
}

func inGroup(id, body string) message { return message{id, "demo", body} }
