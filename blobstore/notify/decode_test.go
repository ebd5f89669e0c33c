package notify_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore/notify"
)

// sns puts a message into SNS's envelope.
func sns(inner string) string {
	quoted, _ := json.Marshal(inner)
	return `{"Type":"Notification","TopicArn":"arn:aws:sns:r:1:t","Message":` + string(quoted) + `}`
}

// push puts a message into the wrapper of a push subscription.
func push(attributes, data string) string {
	return fmt.Sprintf(`{"message":{"attributes":%s,"data":%q,"messageId":"1"},"subscription":"projects/p/subscriptions/s"}`,
		attributes, base64.StdEncoding.EncodeToString([]byte(data)))
}

func bridge(version, source, detailType, detail string) string {
	return fmt.Sprintf(`{"version":%q,"source":%q,"detail-type":%q,"time":"2030-01-02T03:04:05Z","detail":%s}`, version, source, detailType, detail)
}

func gridEvent(eventType, subject, api string) string {
	return fmt.Sprintf(`{"subject":%q,"eventType":%q,"eventTime":"2030-01-02T03:04:05Z","data":{"api":%q},"dataVersion":"2","metadataVersion":"1"}`, subject, eventType, api)
}

func cloudEvent(eventType, subject, api string) string {
	return fmt.Sprintf(`{"specversion":"1.0","subject":%q,"type":%q,"time":"2030-01-02T03:04:05Z","data":{"api":%q}}`, subject, eventType, api)
}

const blobCreated, blobSubject = "Microsoft.Storage.BlobCreated", "/blobServices/default/containers/c/blobs/k"

// Other events are counted.
func TestDecodeCounts(t *testing.T) {
	detail := `{"bucket":{"name":"b"},"object":{"key":"k"}}`
	for _, c := range []struct {
		name, body string
		attributes map[string]string
		want       notify.Reason
	}{
		{"S3's test event", `{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2030-01-02T03:04:05.678Z","Bucket":"b","RequestId":"R","HostId":"H"}`, nil, notify.TestEvent},
		{"S3's test event through SNS", sns(`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}`), nil, notify.TestEvent},
		{"S3 delete", string(message(record("2.1", "ObjectRemoved:Delete", "b", "k", ""))), nil, notify.OtherEvent},
		{"S3 delete through SNS", sns(string(message(record("2.1", "ObjectRemoved:Delete", "b", "k", "")))), nil, notify.OtherEvent},
		{"S3 later version", string(message(record("3.0", "ObjectCreated:Put", "b", "k", ""))), nil, notify.OtherVersion},
		{"S3 key too long", string(message(record("2.1", "ObjectCreated:Put", "b", strings.Repeat("k", 4097), ""))), nil, notify.BadRecord},
		{"S3 key not UTF-8", string(message(record("2.1", "ObjectCreated:Put", "b", "%ff", ""))), nil, notify.BadRecord},
		{"MinIO delete", string(message(record("2.0", "s3:ObjectRemoved:Delete", "b", "k", ""))), nil, notify.OtherEvent},
		{"SNS confirmation", string(fixture(t, "sns_confirmation.json")), nil, notify.Subscription},
		{"SNS unsubscribe", `{"Type":"UnsubscribeConfirmation","TopicArn":"a","Message":"m","Token":"t","SubscribeURL":"u"}`, nil, notify.Subscription},
		{"EventBridge delete", bridge("0", "aws.s3", "Object Deleted", detail), nil, notify.OtherEvent},
		{"EventBridge other source", bridge("0", "aws.ec2", "Object Created", detail), nil, notify.OtherEvent},
		{"EventBridge later version", bridge("1", "aws.s3", "Object Created", detail), nil, notify.OtherVersion},
		{"EventBridge later event-version", bridge("0", "aws.s3", "Object Created", `{"event-version":"2.0","bucket":{"name":"b"},"object":{"key":"k"}}`), nil, notify.OtherVersion},
		{"EventBridge without a key", bridge("0", "aws.s3", "Object Created", `{"bucket":{"name":"b"}}`), nil, notify.BadRecord},
		{"EventBridge without a bucket", bridge("0", "aws.s3", "Object Created", `{"object":{"key":"k"}}`), nil, notify.BadRecord},
		{"EventBridge with junk", bridge("0", "aws.s3", "Object Created", `7`), nil, notify.BadRecord},
		{"GCS delete", "", gcsAttributes("OBJECT_DELETE", "NONE"), notify.OtherEvent},
		{"GCS archive", "", gcsAttributes("OBJECT_ARCHIVE", "JSON_API_V1"), notify.OtherEvent},
		{"GCS metadata", string(fixture(t, "gcs_object.json")), gcsAttributes("OBJECT_METADATA_UPDATE", "JSON_API_V1"), notify.OtherEvent},
		{"GCS other format", "", gcsAttributes("OBJECT_FINALIZE", "JSON_API_V2"), notify.OtherVersion},
		{"GCS without a key", "", without(gcsAttributes("OBJECT_FINALIZE", "NONE"), "objectId"), notify.BadRecord},
		{"GCS without a generation", "", without(gcsAttributes("OBJECT_FINALIZE", "NONE"), "objectGeneration"), notify.BadRecord},
		{"GCS delete pushed", push(`{"eventType":"OBJECT_DELETE","payloadFormat":"NONE","bucketId":"b","objectId":"k","objectGeneration":"1"}`, ""), nil, notify.OtherEvent},
		{"Event Grid delete", gridEvent("Microsoft.Storage.BlobDeleted", blobSubject, "DeleteBlob"), nil, notify.OtherEvent},
		{"Event Grid rename", "[" + gridEvent("Microsoft.Storage.BlobRenamed", blobSubject, "RenameFile") + "]", nil, notify.OtherEvent},
		{"Event Grid opened file", gridEvent(blobCreated, blobSubject, "CreateFile"), nil, notify.Unfinished},
		{"Event Grid file opened by SFTP", gridEvent(blobCreated, blobSubject, "SftpCreate"), nil, notify.Unfinished},
		{"Event Grid copy", gridEvent(blobCreated, blobSubject, "CopyBlob"), nil, notify.Unfinished},
		{"Event Grid later version", strings.Replace(gridEvent(blobCreated, blobSubject, "PutBlob"), `"metadataVersion":"1"`, `"metadataVersion":"2"`, 1), nil, notify.OtherVersion},
		{"Event Grid validation", string(fixture(t, "eventgrid_validation.json")), nil, notify.Subscription},
		{"Event Grid deleted subscription", gridEvent("Microsoft.EventGrid.SubscriptionDeletedEvent", "", ""), nil, notify.Subscription},
		{"Event Grid without a name", gridEvent(blobCreated, "/blobServices/default/containers/c/blobs/", "PutBlob"), nil, notify.BadRecord},
		{"Event Grid without a container", gridEvent(blobCreated, "/blobServices/default/containers//blobs/k", "PutBlob"), nil, notify.BadRecord},
		{"Event Grid other subject", gridEvent(blobCreated, "/queueServices/default/k", "PutBlob"), nil, notify.BadRecord},
		{"Event Grid with junk", `{"eventType":"Microsoft.Storage.BlobCreated","subject":"` + blobSubject + `","data":"x"}`, nil, notify.BadRecord},
		{"Event Grid other type with junk", `{"eventType":"Custom","data":"x","eventTime":"yesterday"}`, nil, notify.OtherEvent},
		{"CloudEvents delete", cloudEvent("Microsoft.Storage.BlobDeleted", blobSubject, "DeleteBlob"), nil, notify.OtherEvent},
		{"CloudEvents opened file", cloudEvent(blobCreated, blobSubject, "CreateFile"), nil, notify.Unfinished},
		{"CloudEvents later version", strings.Replace(cloudEvent(blobCreated, blobSubject, "PutBlob"), `"1.0"`, `"2.0"`, 1), nil, notify.OtherVersion},
		{"CloudEvents other type", `{"specversion":"1.0","type":"com.example.order","source":"/","id":"1","data":[1]}`, nil, notify.OtherEvent},
		{"own later version", `{"type":"fhirdock.object_created.v2","name":["k"]}`, nil, notify.OtherVersion},
		{"own without a key", `{"type":"fhirdock.object_created.v1"}`, nil, notify.BadRecord},
		{"own with junk", `{"type":"fhirdock.object_created.v1","key":7}`, nil, notify.BadRecord},
	} {
		t.Run(c.name, func(t *testing.T) {
			batch, err := notify.Decode([]byte(c.body), c.attributes)
			require.NoError(t, err)
			require.Equal(t, notify.Batch{Ignored: map[notify.Reason]int{c.want: 1}}, batch)
		})
	}
}

func without(attributes map[string]string, name string) map[string]string {
	attributes = maps.Clone(attributes)
	delete(attributes, name)
	return attributes
}

// All APIs that complete a blob are recognized.
func TestDecodeEventGridAPIs(t *testing.T) {
	for _, api := range []string{"PutBlob", "PutBlockList", "FlushWithClose", "SftpCommit"} {
		batch, err := notify.Decode([]byte("["+gridEvent(blobCreated, blobSubject, api)+","+cloudEvent(blobCreated, blobSubject[1:], api)+",7,{}]"), nil)
		require.NoError(t, err)
		created := notify.ObjectCreated{Bucket: "c", Key: "k", Size: -1, Time: second}
		require.Equal(t, notify.Batch{
			Created: []notify.ObjectCreated{created, created}, Ignored: map[notify.Reason]int{notify.BadRecord: 2},
		}, batch, api)
	}
}

// Data of another object and bad data are ignored; the attributes are sufficient.
func TestDecodeGCSIgnoresOtherData(t *testing.T) {
	for _, data := range []string{"", "junk", `{"name":"other","bucket":"uploads","generation":"1893553445678901","size":"7","etag":"x"}`,
		`{"name":"incoming/fhir/org/a b+c%20d.ndjson","bucket":"uploads","generation":"1","size":"7","etag":"x"}`,
		`{"name":"incoming/fhir/org/a b+c%20d.ndjson","bucket":"other","generation":"1893553445678901","size":"7","etag":"x"}`} {
		batch, err := notify.Decode([]byte(data), gcsAttributes("OBJECT_FINALIZE", "JSON_API_V1"))
		require.NoError(t, err)
		require.Len(t, batch.Created, 1, data)
		require.EqualValues(t, -1, batch.Created[0].Size, data)
		require.Empty(t, batch.Created[0].ETag, data)
	}
}

// A message that is not a notification is an error that quotes nothing.
func TestDecodeErrors(t *testing.T) {
	s3 := string(message(record("2.1", "ObjectCreated:Put", "secret", "k", "")))
	thrice := base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s3))))))
	for name, body := range map[string]string{
		"nothing":                     "",
		"a word":                      "secret",
		"base64 of a word":            base64.StdEncoding.EncodeToString([]byte("secret")),
		"base64 three times":          thrice,
		"half an object":              `{"Records":[`,
		"two messages":                s3 + s3,
		"an unknown object":           `{"secret":1}`,
		"a wake-up":                   `{"jobId":"secret","bucket":"b","key":"k"}`,
		"an empty list":               `[]`,
		"a list of junk":              `["secret",1,null]`,
		"a number":                    `17`,
		"an unknown SNS type":         `{"Type":"secret","TopicArn":"a","Message":"{}"}`,
		"SNS with a word in it":       sns("secret"),
		"nested SNS":                  sns(sns(sns(s3))),
		"a push with a word":          push("{}", "secret"),
		"a malformed push":            `{"message":"secret","subscription":"s"}`,
		"a push without base64":       `{"message":{"data":"%"},"subscription":"s"}`,
		"records that are not a list": `{"Records":{"secret":1}}`,
		"records twice":               `{"Records":[],"Records":[]}`,
		"a type twice":                `{"specversion":"1.0","type":"a","type":"b"}`,
		"only a resource of GCS":      string(fixture(t, "gcs_object.json")),
		"too long":                    s3 + strings.Repeat(" ", notify.MaxBody),
		"too many records":            `{"Records":[` + strings.Repeat("1,", notify.MaxRecords) + `1]}`,
		"too many members":            `{` + strings.Repeat(`"secret":1,`, 256) + `"Records":[]}`,
		"too many events":             `[` + strings.Repeat("1,", notify.MaxRecords) + `1]`,
		"too deep":                    strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
		"too deep in records":         `{"Records":` + strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_001),
	} {
		t.Run(name, func(t *testing.T) {
			batch, err := notify.Decode([]byte(body), nil)
			require.ErrorIs(t, err, notify.ErrFormat)
			require.NotContains(t, err.Error(), "secret")
			require.Empty(t, batch)
		})
	}
	for _, attributes := range []map[string]string{nil, gcsAttributes("OBJECT_FINALIZE", "NONE")} {
		_, err := notify.Decode(make([]byte, notify.MaxBody+1), attributes)
		require.ErrorIs(t, err, notify.ErrTooLarge)
	}
	_, err := notify.Decode(nil, map[string]string{"eventType": "secret"})
	require.ErrorIs(t, err, notify.ErrFormat)
	require.NotContains(t, err.Error(), "secret")
}

// Even the largest and most expensive messages take memory proportional to their length.
func TestDecodeIsBounded(t *testing.T) {
	const room = 20 << 20
	for name, body := range map[string]string{
		"records":      `{"Records":[` + strings.Repeat("1,", notify.MaxRecords-1) + `1]}`,
		"many records": `{"Records":[` + strings.Repeat("1,", notify.MaxBody/2-10) + `1]}`,
		"many members": `{` + strings.Repeat(`"a":1,`, notify.MaxBody/6-10) + `"b":1}`,
		"one name":     `{` + strings.Repeat(`"Records":[],`, notify.MaxBody/13-10) + `"b":1}`,
		"deep":         strings.Repeat(`{"data":`, notify.MaxBody/9) + "1" + strings.Repeat("}", notify.MaxBody/9),
		"escapes":      sns(strings.Repeat(`\`, notify.MaxBody/2-100)),
		"base64":       base64.StdEncoding.EncodeToString([]byte(strings.Repeat("[", notify.MaxBody/2))),
	} {
		t.Run(name, func(t *testing.T) {
			require.LessOrEqual(t, len(body), notify.MaxBody)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _ = notify.Decode([]byte(body), nil)
			runtime.ReadMemStats(&after)
			t.Logf("%d bytes of message, %d bytes of memory", len(body), after.TotalAlloc-before.TotalAlloc)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(room))
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, a := range arrangements(f) {
		f.Add(a.body, a.attributes["eventType"], a.attributes["payloadFormat"])
	}
	f.Add([]byte(sns(sns(`{"Event":"s3:TestEvent"}`))), "", "")
	f.Add([]byte(push(`{"eventType":"OBJECT_FINALIZE","payloadFormat":"NONE","bucketId":"b","objectId":"k","objectGeneration":"1"}`, "")), "", "")
	f.Add([]byte(`[{"eventType":null,"specversion":"1"},[]]`), "", "")
	f.Fuzz(func(t *testing.T, body []byte, event, format string) {
		var attributes map[string]string
		if event != "" {
			attributes = gcsAttributes(event, format)
		}
		batch, err := notify.Decode(body, attributes)
		if err != nil && (len(batch.Created) > 0 || len(batch.Ignored) > 0) {
			t.Fatal("an error and a batch")
		}
		for _, c := range batch.Created {
			if c.Key == "" || len(c.Key) > 4096 || !utf8.ValidString(c.Key) || c.Size < -1 {
				t.Fatal("an invalid object")
			}
		}
	})
}

func ExampleDecode() {
	// From an SQS queue that is the target of an EventBridge rule for S3.
	batch, err := notify.Decode([]byte(`{"version":"0","source":"aws.s3","detail-type":"Object Created","time":"2030-01-02T03:04:05Z",
		"detail":{"bucket":{"name":"uploads"},"object":{"key":"incoming/my file.ndjson","size":42}}}`), nil)
	if err != nil {
		panic(err)
	}
	for _, c := range batch.Created {
		fmt.Println(c.Bucket, c.Key, c.Size)
	}
	// From Pub/Sub.
	batch, err = notify.Decode(nil, map[string]string{
		"eventType": "OBJECT_DELETE", "payloadFormat": "NONE", "bucketId": "uploads", "objectId": "k", "objectGeneration": "1",
	})
	fmt.Println(batch.Created, batch.Ignored, err)
	// Output:
	// uploads incoming/my file.ndjson 42
	// [] map[other_event:1] <nil>
}

func ExampleObjectCreated_Encode() {
	body, err := notify.ObjectCreated{Key: "incoming/a.ndjson", Size: 42}.Encode()
	if err != nil {
		panic(err)
	}
	fmt.Println(string(body))
	batch, err := notify.Decode(body, nil)
	fmt.Println(batch.Created[0].Key, err)
	// Output:
	// {"type":"fhirdock.object_created.v1","key":"incoming/a.ndjson","size":42}
	// incoming/a.ndjson <nil>
}
