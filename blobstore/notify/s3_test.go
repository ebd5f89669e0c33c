package notify_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore/notify"
)

// record returns an S3 record with all members that AWS documents for version 2.x.
func record(version, event, bucket, key, object string) string {
	return fmt.Sprintf(`{"eventVersion":%q,"eventSource":"aws:s3","awsRegion":"eu-central-1",
		"eventTime":"2030-01-02T03:04:05.678Z","eventName":%q,
		"userIdentity":{"principalId":"AWS:EXAMPLE"},"requestParameters":{"sourceIPAddress":"192.0.2.1"},
		"responseElements":{"x-amz-request-id":"R","x-amz-id-2":"I"},
		"s3":{"s3SchemaVersion":"1.0","configurationId":"uploads",
		"bucket":{"name":%q,"ownerIdentity":{"principalId":"P"},"arn":"arn:aws:s3:::b"},
		"object":{"key":%q%s,"sequencer":"0055AED6DCD90281E5"}}}`, version, event, bucket, key, object)
}

func message(records ...string) []byte {
	return []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)
}

func TestDecodeS3(t *testing.T) {
	full := `,"size":1024,"eTag":"d41d8cd98f00b204e9800998ecf8427e","versionId":"v7"`
	batch, err := notify.Decode(message(
		record("2.1", "ObjectCreated:Put", "b", "incoming/fhir/org/2030/01/02/id.json", full),
		record("2.3", "ObjectCreated:CompleteMultipartUpload", "b", "a+b%2Bc/%C3%A9%20.ndjson", ""),
		record("2.0", "s3:ObjectCreated:Post", "b", "k", ""),
		record("2.1", "ObjectRemoved:Delete", "b", "k", ""),
		record("3.0", "ObjectCreated:Put", "b", "k", ""),
		record("2.1", "ObjectCreated:Put", "b", "%zz", ""),
		record("2.1", "ObjectCreated:Put", "", "k", ""),
		`{"eventVersion":2}`, `7`,
	), nil)
	require.NoError(t, err)
	at := time.Date(2030, 1, 2, 3, 4, 5, 678e6, time.UTC)
	require.Equal(t, []notify.ObjectCreated{
		{Bucket: "b", Key: "incoming/fhir/org/2030/01/02/id.json", Size: 1024, ETag: "d41d8cd98f00b204e9800998ecf8427e", Version: "v7", Time: at},
		{Bucket: "b", Key: "a b+c/é .ndjson", Size: -1, Time: at},
		{Bucket: "b", Key: "k", Size: -1, Time: at},
	}, batch.Created)
	require.Equal(t, map[notify.Reason]int{notify.OtherEvent: 1, notify.OtherVersion: 1, notify.BadRecord: 4}, batch.Ignored)
}

func TestDecodeS3TestEvent(t *testing.T) {
	batch, err := notify.Decode([]byte(`{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2030-01-02T03:04:05.678Z","Bucket":"b","RequestId":"R","HostId":"H"}`), nil)
	require.NoError(t, err)
	require.Empty(t, batch.Created)
	require.Equal(t, map[notify.Reason]int{notify.TestEvent: 1}, batch.Ignored)
}

func TestDecodeS3Errors(t *testing.T) {
	for _, body := range []string{"", "secret", `{"secret":1}`, `[]`, `{"Records":"secret"}`, `{"Records":[]`, strings.Repeat(" ", notify.MaxBody) + "{}"} {
		_, err := notify.Decode([]byte(body), nil)
		require.ErrorIs(t, err, notify.ErrFormat)
		require.NotContains(t, err.Error(), "secret")
	}
	batch, err := notify.Decode([]byte(`{"Records":[]}`), nil)
	require.NoError(t, err)
	require.Empty(t, batch)
}

func ExampleDecode_s3() {
	batch, err := notify.Decode([]byte(`{"Records":[{"eventVersion":"2.1","eventName":"ObjectCreated:Put",
		"s3":{"bucket":{"name":"uploads"},"object":{"key":"incoming/my+file.ndjson","size":42}}}]}`), nil)
	if err != nil {
		panic(err)
	}
	for _, c := range batch.Created {
		fmt.Println(c.Bucket, c.Key, c.Size)
	}
	// Output: uploads incoming/my file.ndjson 42
}
