package notify_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore/notify"
)

// fixture reads a message that was written to the cited schema.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return body
}

var (
	second      = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	millisecond = second.Add(678 * time.Millisecond)
	azureTime   = second.Add(678901200 * time.Nanosecond)
)

// gcsAttributes returns the attributes of a message of Cloud Storage.
func gcsAttributes(event, format string) map[string]string {
	return map[string]string{
		"notificationConfig": "projects/_/buckets/uploads/notificationConfigs/3", "eventType": event, "payloadFormat": format,
		"bucketId": "uploads", "objectId": "incoming/fhir/org/a b+c%20d.ndjson", "objectGeneration": "1893553445678901",
		"overwroteGeneration": "1893553440000000", "eventTime": "2030-01-02T03:04:05.678901Z",
	}
}

// arrangement is a way in which a notification arrives.
type arrangement struct {
	name       string
	body       []byte
	attributes map[string]string
	want       notify.ObjectCreated
}

func arrangements(t testing.TB) []arrangement {
	gcs := gcsAttributes("OBJECT_FINALIZE", "JSON_API_V1")
	bare := gcsAttributes("OBJECT_FINALIZE", "NONE")
	delete(bare, "overwroteGeneration")
	grid := fixture(t, "eventgrid.json")
	one := bytes.TrimSpace(grid)
	one = one[1 : len(one)-1]
	cloud := fixture(t, "cloudevent.json")
	blob := notify.ObjectCreated{Bucket: "uploads", Key: "incoming/fhir/org/blobs/a b+c%20d.ndjson", Size: 42, ETag: "0x8D4BCC2E4835CD0", Time: azureTime}
	ownObject := notify.ObjectCreated{Bucket: "uploads", Key: "incoming/fhir/org/a b.ndjson", Size: 42, ETag: "e", Version: "v", Time: millisecond}
	own, err := ownObject.Encode()
	require.NoError(t, err)
	object := notify.ObjectCreated{
		Bucket: "uploads", Key: "incoming/fhir/org/a b+c%20d.ndjson", Size: 42,
		ETag: "CLXO7bWh3vMCEAE=", Version: "1893553445678901", Time: second.Add(678901 * time.Microsecond),
	}
	named := object
	named.Size, named.ETag = -1, ""
	return []arrangement{
		{"S3", message(record("2.5", "ObjectCreated:Put", "uploads", "a+b%2Bc", `,"size":42,"eTag":"e","versionId":"v"`)), nil,
			notify.ObjectCreated{Bucket: "uploads", Key: "a b+c", Size: 42, ETag: "e", Version: "v", Time: millisecond}},
		{"MinIO", fixture(t, "minio.json"), nil,
			notify.ObjectCreated{Bucket: "uploads", Key: "incoming/fhir/org/a b+c.ndjson", Size: 42, ETag: "d41d8cd98f00b204e9800998ecf8427e", Version: "5f3f", Time: millisecond}},
		{"SNS", fixture(t, "sns.json"), nil,
			notify.ObjectCreated{Bucket: "uploads", Key: "incoming/fhir/org/a b+c.ndjson", Size: 42, ETag: "d41d8cd98f00b204e9800998ecf8427e", Version: "v7", Time: millisecond}},
		{"EventBridge", fixture(t, "eventbridge.json"), nil,
			notify.ObjectCreated{Bucket: "uploads", Key: "incoming/fhir/org/a b+c%20d.ndjson", Size: 42, ETag: "b1946ac92492d2347c6235b4d2611184-2", Version: "IYV3p45BT0ac8hjHg1houSdS1a", Time: second}},
		{"EventBridge and SNS", fixture(t, "sns_eventbridge.json"), nil,
			notify.ObjectCreated{Bucket: "uploads", Key: "incoming/fhir/org/a b+c.ndjson", Size: 42, ETag: "b1946ac92492d2347c6235b4d2611184", Time: second}},
		{"GCS", fixture(t, "gcs_object.json"), gcs, object},
		{"GCS without payload", nil, bare, named},
		{"GCS pushed", fixture(t, "pubsub_push.json"), nil, object},
		{"Event Grid", grid, nil, blob},
		{"Event Grid to Service Bus", one, nil, blob},
		{"Event Grid to a Storage queue", []byte(base64.StdEncoding.EncodeToString(one)), nil, blob},
		{"CloudEvents", cloud, nil, blob},
		{"CloudEvents, a batch", []byte("[" + string(cloud) + "]"), nil, blob},
		{"CloudEvents to a Storage queue", []byte(base64.StdEncoding.EncodeToString(cloud) + "\n"), nil, blob},
		{"fhirdock's own", own, nil, ownObject},
	}
}

// Each arrangement is recognized by its shape.
func TestDecode(t *testing.T) {
	for _, a := range arrangements(t) {
		t.Run(a.name, func(t *testing.T) {
			batch, err := notify.Decode(a.body, a.attributes)
			require.NoError(t, err)
			require.Equal(t, notify.Batch{Created: []notify.ObjectCreated{a.want}}, batch)
		})
	}
}
