package queue_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/queue"
)

func TestS3Message(t *testing.T) {
	m := queue.S3Message{
		JobID: "upload-20300102030405-0a1b2c3d", Bucket: "b", Key: "incoming/fhir/o/a b.json", OrganizationID: "o",
		Source: "presigned_upload", FileSize: 7, Timestamp: time.Date(2030, 1, 2, 4, 4, 5, 670_000_000, time.FixedZone("", 3600)),
	}
	body, err := m.Encode()
	require.NoError(t, err)
	require.JSONEq(t, `{"jobId":"upload-20300102030405-0a1b2c3d","s3Bucket":"b","s3Key":"incoming/fhir/o/a b.json","organizationId":"o",
		"source":"presigned_upload","fileSize":7,"timestamp":"2030-01-02T03:04:05.670000Z"}`, string(body))
	got, err := queue.DecodeS3Message(body)
	require.NoError(t, err)
	m.Timestamp = m.Timestamp.UTC()
	require.Equal(t, m, got)

	hook := queue.S3Message{JobID: "j", Bucket: "b", Key: "k", OrganizationID: "o", UserID: "u", Timestamp: m.Timestamp}
	body, err = hook.Encode()
	require.NoError(t, err)
	require.JSONEq(t, `{"jobId":"j","s3Bucket":"b","s3Key":"k","organizationId":"o","organizationName":null,"userId":"u","timestamp":"2030-01-02T03:04:05.670000Z"}`, string(body))

	// Members of the wrong type don't keep the object from being found.
	got, err = queue.DecodeS3Message([]byte(`{"jobId":7,"s3Bucket":"b","s3Key":"k","organizationId":null,"fileSize":"1","timestamp":"yesterday"}`))
	require.NoError(t, err)
	require.Equal(t, queue.S3Message{Bucket: "b", Key: "k"}, got)

	// A wake-up is not an S3Message, not even on S3.
	wakeUp, err := queue.Message{JobID: "j", Bucket: "b", Key: "k", S3Bucket: "b", S3Key: "k"}.Encode()
	require.NoError(t, err)
	for _, bad := range []string{
		string(wakeUp), "", "null", "[]", "top-secret-payload", `{"jobId":"j"}`, `{"s3Bucket":"b"}`, `{"s3Bucket":"b","s3Key":1}`,
		`{"s3Bucket":"b","s3Key":"` + strings.Repeat("k", queue.MaxBody) + `"}`,
	} {
		_, err := queue.DecodeS3Message([]byte(bad))
		require.ErrorIs(t, err, queue.ErrMessage)
		require.NotContains(t, err.Error(), "top-secret")
	}
}

func ExampleS3Message() {
	body, err := queue.S3Message{
		JobID: "job-1", Bucket: "payloads", Key: "incoming/fhir/clinic/a.json", OrganizationID: "clinic", Timestamp: time.Unix(0, 0),
	}.Encode()
	if err != nil {
		panic(err)
	}
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		panic(err)
	}
	fmt.Println(members["s3Bucket"], members["s3Key"], members["timestamp"])
	// Output: payloads incoming/fhir/clinic/a.json 1970-01-01T00:00:00.000000Z
}
