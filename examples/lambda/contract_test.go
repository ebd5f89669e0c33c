//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/examples/internal/apigateway/apigatewaytest"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// contract runs the functions in this process with the original service's settings, and
// has the queue that its consumers read.
type contract struct {
	api, uploads function
	bucket       *blob.Bucket
	messages     *pubsub.Subscription
}

func startContract(t *testing.T) *contract {
	t.Helper()
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { _ = bucket.Close() })
	topic, messages, err := queue.NewLocal(nil)
	require.NoError(t, err)
	signer, err := signedurl.NewSigner(&url.URL{Scheme: "https", Host: "payloads.example", Path: "/o"}, bytes.Repeat([]byte{1}, 32), nil)
	require.NoError(t, err)
	settings, err := parseSettings(func(name string) string {
		return map[string]string{"FHIRDOCK_BLOB": "s3://payloads", "FHIRDOCK_TOPIC": "awssqs://q", "FHIRDOCK_JOBS": "dynamodb://t"}[name]
	})
	require.NoError(t, err)
	p := &pipeline{settings: settings, log: slog.New(slog.DiscardHandler), back: &backends.Backends{
		Backends: ingest.Backends{
			Store:     must(blobstore.New(bucket, &blobstore.Options{Bucket: "payloads", Signer: signer, S3: true})),
			Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore(),
		},
	}}
	opts := settings.Service
	opts.Logger = p.log
	p.service, err = ingest.New(p.back.Backends, &opts)
	require.NoError(t, err)
	c := &contract{bucket: bucket, messages: messages}
	c.api, err = newAPI(p)
	require.NoError(t, err)
	c.uploads, err = newUploads(p)
	require.NoError(t, err)
	return c
}

// call sends a request of the original service's clients, and returns the response.
func (c *contract) call(t *testing.T, method, path, contentType, body string) (int, map[string]any) {
	t.Helper()
	raw, err := c.api(t.Context(), []byte(apigatewaytest.REST(t, apigatewaytest.Request{
		Method: method, Path: path, Body: body, Header: http.Header{"Content-Type": {contentType}},
		Authorizer: `{"organizationId":"clinic-7","organizationName":"Org","userId":"nurse-2"}`,
	})))
	require.NoError(t, err)
	a := apigatewaytest.Decode(t, string(raw))
	require.Equal(t, "application/json", a.Get("Content-Type"))
	require.Equal(t, "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", a.Get("X-Request-Id"))
	var answer map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.Body), &answer))
	return a.StatusCode, answer
}

// message returns the queue's next message, with the names that the original's consumers
// read.
func (c *contract) message(t *testing.T) (map[string]any, map[string]string) {
	t.Helper()
	m, err := c.messages.Receive(t.Context())
	require.NoError(t, err)
	m.Ack()
	var body map[string]any
	require.NoError(t, json.Unmarshal(m.Body, &body))
	return body, m.Metadata
}

// theirTime checks that datetime.fromisoformat can parse a time, except for the Z.
func theirTime(t *testing.T, v any) {
	t.Helper()
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`, v)
}

const theirBundle = `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient","id":"p-17","active":true}}]}`

// Clients and consumers of the original service find the same fields, types, defaults and
// messages.
func TestOriginalContract(t *testing.T) {
	c := startContract(t)
	status, receipt := c.call(t, "POST", "/v1/ingestion/fhir/Bundle", "application/fhir+json", theirBundle)
	require.Equal(t, 202, status)
	require.Equal(t, "accepted", receipt["status"])
	require.Equal(t, "Bundle accepted for processing", receipt["message"])
	require.Equal(t, map[string]any{"Patient": 1.0}, receipt["resourceCount"])
	theirTime(t, receipt["createdAt"])
	id := receipt["jobId"].(string)

	body, attributes := c.message(t)
	key := body["s3Key"].(string)
	require.Regexp(t, `^incoming/fhir/clinic-7/\d{4}/\d\d/\d\d/`+id+`\.json$`, key)
	for name, want := range map[string]any{"jobId": id, "s3Bucket": "payloads", "organizationId": "clinic-7", "organizationName": "Org", "userId": "nurse-2"} {
		require.Equal(t, want, body[name], name)
	}
	theirTime(t, body["timestamp"])
	require.Equal(t, "clinic-7", attributes["organizationId"])
	require.Equal(t, id, attributes["jobId"])
	object, err := c.bucket.Attributes(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, "application/fhir+json", object.ContentType)
	require.Equal(t, map[string]string{"job_id": id, "organization_id": "clinic-7", "bundle_type": "transaction", "entry_count": "1"}, object.Metadata)

	status, job := c.call(t, "GET", "/v1/ingestion/jobs/"+id, "", "")
	require.Equal(t, 200, status)
	require.Equal(t, id, job["jobId"])
	require.Equal(t, "clinic-7", job["organizationId"])
	require.IsType(t, "", job["status"])
	require.IsType(t, "", job["message"])
	theirTime(t, job["createdAt"])

	for _, refused := range [][2]string{
		{``, "Request body is empty"},
		{`{"resourceType":"Patient"}`, "Expected resourceType 'Bundle', got 'Patient'"},
		{`{"resourceType":"Bundle","type":"document","entry":[{}]}`, "Unsupported bundle type: document"},
		{`{"resourceType":"Bundle","type":"batch","entry":[]}`, "Bundle contains no entries"},
		{`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient"}},{}]}`, "Entry 1 missing 'resource' field"},
		{`{"resourceType":`, "Invalid JSON: "},
	} {
		status, answer := c.call(t, "POST", "/v1/ingestion/fhir/Bundle", "application/fhir+json", refused[0])
		require.Equal(t, 400, status)
		require.True(t, strings.HasPrefix(answer["error"].(string), refused[1]), answer["error"])
		require.Equal(t, "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", answer["requestId"])
	}
}

// The same for an upload, from its URL to the message.
func TestOriginalContractOfAnUpload(t *testing.T) {
	c := startContract(t)
	for asked, want := range map[string][2]string{
		"": {"application/fhir+json", "json"}, "{}": {"application/fhir+json", "json"},
		`{"contentType":"application/json"}`:        {"application/json", "json"},
		`{"contentType":"application/x-ndjson"}`:    {"application/x-ndjson", "ndjson"},
		`{"contentType":"application/fhir+ndjson"}`: {"application/fhir+ndjson", "ndjson"},
	} {
		status, ticket := c.call(t, "POST", "/v1/ingestion/upload-url", "application/json", asked)
		require.Equal(t, 200, status)
		id := ticket["uploadId"].(string)
		require.IsType(t, "", ticket["uploadUrl"])
		require.Equal(t, "PUT", ticket["method"])
		require.Equal(t, want[0], ticket["headers"].(map[string]any)["Content-Type"])
		require.Equal(t, 3600.0, ticket["expiresIn"])
		require.Equal(t, "payloads", ticket["s3Bucket"])
		require.Regexp(t, `^incoming/fhir/clinic-7/\d{4}/\d\d/\d\d/`+id+`\.`+want[1]+`$`, ticket["s3Key"])
		steps := ticket["instructions"].(map[string]any)
		require.Equal(t, "Use HTTP PUT to upload your file to the uploadUrl", steps["1"])
		require.Equal(t, "Set Content-Type header to '"+want[0]+"'", steps["2"])
		require.Equal(t, "URL expires in 1 hour", steps["3"])
		require.Equal(t, "After upload, file will be automatically processed", steps["4"])

		key := ticket["s3Key"].(string)
		require.NoError(t, c.bucket.WriteAll(t.Context(), key, []byte(theirBundle), &blob.WriterOptions{ContentType: want[0]}))
		answer, err := c.uploads(t.Context(), []byte(s3Event(t, "ObjectCreated:Put", "payloads", key)))
		require.NoError(t, err)
		require.JSONEq(t, `{"processed":1,"errors":0}`, string(answer))
		body, attributes := c.message(t)
		for name, want := range map[string]any{
			"jobId": id, "s3Bucket": "payloads", "s3Key": key, "organizationId": "clinic-7", "source": "presigned_upload", "fileSize": float64(len(theirBundle)),
		} {
			require.Equal(t, want, body[name], name)
		}
		theirTime(t, body["timestamp"])
		require.Equal(t, map[string]string{"organizationId": "clinic-7", "jobId": id, "source": "presigned_upload"}, attributes)
	}
	status, answer := c.call(t, "POST", "/v1/ingestion/upload-url", "application/json", `{"contentType":"text/csv"}`)
	require.Equal(t, 400, status)
	require.Contains(t, answer["error"], "Allowed types: application/fhir+json, application/json, application/fhir+ndjson, application/x-ndjson")
}
