package ingest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/mempubsub"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// notification returns a store's notification of an object, in one of several formats.
func notification(t testing.TB, format int, key string) *pubsub.Message {
	t.Helper()
	s3 := fmt.Sprintf(`{"Records":[{"eventVersion":"2.1","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"fhirdock"},"object":{"key":%q,"size":1,"versionId":"of another object"}}}]}`, url.QueryEscape(key))
	blob := fmt.Sprintf(`{"specversion":"1.0","type":"Microsoft.Storage.BlobCreated","subject":%q,"data":{"api":"PutBlob"}}`, "/blobServices/default/containers/fhirdock/blobs/"+key)
	switch format % 6 {
	case 0:
		return &pubsub.Message{Body: []byte(s3)}
	case 1:
		quoted, err := json.Marshal(s3)
		require.NoError(t, err)
		return &pubsub.Message{Body: fmt.Appendf(nil, `{"Type":"Notification","TopicArn":"a","Message":%s}`, quoted)}
	case 2:
		return &pubsub.Message{Body: fmt.Appendf(nil, `{"version":"0","source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"fhirdock"},"object":{"key":%q}}}`, key)}
	case 3:
		return &pubsub.Message{Metadata: map[string]string{
			"eventType": "OBJECT_FINALIZE", "payloadFormat": "NONE", "bucketId": "fhirdock", "objectId": key, "objectGeneration": "1",
		}}
	case 4:
		return &pubsub.Message{Body: []byte(base64.StdEncoding.EncodeToString([]byte(blob)))}
	default:
		body, err := notify.ObjectCreated{Key: key, Size: -1}.Encode()
		require.NoError(t, err)
		return &pubsub.Message{Body: body}
	}
}

// junk are messages that lead to no object, and the code counted for each.
var junk = map[string]string{
	"top-secret-payload":                      "junk",
	`{"jobId":"a-1"}`:                         "junk",
	`{"Records":[{},{"eventVersion":"3.0"}]}`: "other_version",
	`{"Event":"s3:TestEvent"}`:                "test_event",
	`{"Records":[{"eventVersion":"2.1","eventName":"ObjectRemoved:Delete","s3":{"bucket":{"name":"fhirdock"},"object":{"key":"k"}}}]}`:                                       "other_event",
	`{"Records":[{"eventVersion":"2.1","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"theirs"},"object":{"key":"incoming/fhir/x/k"}}}]}`:                            "other_bucket",
	`{"Records":[{"eventVersion":"2.1","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"fhirdock"},"object":{"key":"processed/x.ndjson"}}}]}`:                         "elsewhere",
	`{"specversion":"1.0","type":"Microsoft.Storage.BlobCreated","subject":"/blobServices/default/containers/fhirdock/blobs/incoming/fhir/x/k","data":{"api":"CreateFile"}}`: "unfinished",
}

// openQueues open in-memory queues, ours and Go CDK's.
var openQueues = map[string]func() (*pubsub.Topic, *pubsub.Subscription){
	"local": func() (*pubsub.Topic, *pubsub.Subscription) { return local(nil) },
	"mempubsub": func() (*pubsub.Topic, *pubsub.Subscription) {
		topic := mempubsub.NewTopic()
		return topic, mempubsub.NewSubscription(topic, time.Minute)
	},
}

func shutdown(t *testing.T, topic *pubsub.Topic, sub *pubsub.Subscription) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, topic.Shutdown(ctx))
	require.NoError(t, sub.Shutdown(ctx))
}

// startListener runs a Listener until the test ends or the returned function is called.
func startListener(t *testing.T, p *ingesttest.Pipeline, sub *pubsub.Subscription) (stop func()) {
	t.Helper()
	n, err := ingest.NewListener(p.Service, queue.Static(sub), nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("listener: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// uploads makes objects that jobs await, without any notification.
func uploads(t *testing.T, p *ingesttest.Pipeline, n int) (ids, keys []string) {
	t.Helper()
	for range n {
		ticket := p.Client.Ticket(t, ndjson)
		require.NoError(t, p.Bucket.WriteAll(t.Context(), ticket.Key, patients(1), &blob.WriterOptions{ContentType: ndjson}))
		ids, keys = append(ids, ticket.UploadID), append(keys, ticket.Key)
	}
	return ids, keys
}

func accepted(j *jobs.Job) bool { return j.State == jobs.Accepted }

// counts returns the events of a kind, by job and by code.
func counts(p *ingesttest.Pipeline, kind ingest.EventKind) (byJob, byCode map[string]int) {
	byJob, byCode = map[string]int{}, map[string]int{}
	for _, e := range p.Events() {
		if e.Kind == kind {
			byJob[e.JobID]++
			byCode[e.Code]++
		}
	}
	return byJob, byCode
}

// Each object is notified ten times, in all formats and in any order, and nearly a third
// of the notifications are lost; each job is accepted once.
func TestListenerAcceptsOnce(t *testing.T) {
	test := func(t *testing.T, topic *pubsub.Topic, sub *pubsub.Subscription) {
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
		ids, keys := uploads(t, p, 20)
		random := rand.New(rand.NewPCG(1, 2))
		var messages []*pubsub.Message
		for _, key := range keys {
			kept := 0
			for format := range 10 {
				if random.Float64() < 0.3 && (kept > 0 || format < 9) {
					continue
				}
				kept++
				messages = append(messages, notification(t, format, key))
			}
		}
		want, records := map[string]int{}, 0
		for body, code := range junk {
			for range 3 {
				messages = append(messages, &pubsub.Message{Body: []byte(body)})
				want[code]++
				records++
				if code == "other_version" {
					want[code]++ // has two
					records++
				}
			}
		}
		random.Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
		for _, m := range messages {
			require.NoError(t, topic.Send(t.Context(), m))
		}
		stop := startListener(t, p, sub)
		for _, id := range ids {
			p.WaitFor(t, id, accepted)
		}
		require.Eventually(t, func() bool {
			_, ignored := counts(p, ingest.EventObjectIgnored)
			total := 0
			for _, n := range ignored {
				total += n
			}
			return total >= records
		}, 10*time.Second, 5*time.Millisecond)
		stop()
		byJob, _ := counts(p, ingest.EventAccepted)
		require.Len(t, byJob, len(ids))
		for id, times := range byJob {
			require.Equal(t, 1, times, id)
		}
		_, ignored := counts(p, ingest.EventObjectIgnored)
		require.Equal(t, want, ignored)
		require.NotContains(t, p.Logs(), "top-secret-payload")
	}
	for name, open := range openQueues {
		t.Run(name, func(t *testing.T) {
			topic, sub := open()
			defer shutdown(t, topic, sub)
			test(t, topic, sub)
		})
	}
}

func TestNewListenerChecksOptions(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	_, err := ingest.NewListener(p.Service, nil, nil)
	require.Error(t, err)
	_, sub := local(nil)
	_, err = ingest.NewListener(p.Service, queue.Static(sub), &ingest.ListenerOptions{Concurrency: -1})
	require.Error(t, err)
}

// Over HTTP the same holds, with the store's retries in place of the broker's.
func TestNotificationsOverHTTP(t *testing.T) {
	store := &away{Store: jobs.NewMemStore()}
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Jobs: store})
	h, err := notify.NewHandler(p.Service.ObjectCreated, &notify.HandlerOptions{
		Secrets: []string{"0123456789abcdef"}, OnIgnored: p.Service.ObjectsIgnored, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	server := httptest.NewServer(h)
	defer server.Close()
	post := func(body []byte) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, bytes.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer 0123456789abcdef")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		return resp.StatusCode
	}
	ids, keys := uploads(t, p, 1)
	store.left.Store(1)
	require.Equal(t, 503, post(notification(t, 0, keys[0]).Body))
	require.Equal(t, jobs.AwaitingUpload, mustGet(t, p, ids[0]).State)
	require.Equal(t, 204, post(notification(t, 0, keys[0]).Body))
	require.Equal(t, 204, post(notification(t, 2, keys[0]).Body))
	require.Equal(t, jobs.Accepted, mustGet(t, p, ids[0]).State)
	require.Equal(t, 204, post([]byte("junk")))
	byJob, _ := counts(p, ingest.EventAccepted)
	require.Equal(t, map[string]int{ids[0]: 1}, byJob)
	_, ignored := counts(p, ingest.EventObjectIgnored)
	require.Equal(t, map[string]int{"junk": 1}, ignored)
}

// The bucket's notifications come through a queue of their own.
func ExampleListener() {
	bucket := memblob.OpenBucket(nil)
	topic, _ := local(nil)
	notifications, notified := local(nil) // on AWS: an SQS queue that the bucket notifies
	ctx, stop := context.WithCancel(context.Background())
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()}, &ingest.Options{
		NoUploads: true,
		Observe:   func(e ingest.Event) { fmt.Println(e.Kind, e.Code); stop() },
	})
	if err != nil {
		panic(err)
	}
	body, err := notify.ObjectCreated{Bucket: "fhirdock", Key: "of/nobody.ndjson", Size: -1}.Encode()
	if err != nil {
		panic(err)
	}
	if err := notifications.Send(ctx, &pubsub.Message{Body: body}); err != nil {
		panic(err)
	}
	n, err := ingest.NewListener(svc, queue.Static(notified), nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(n.Run(ctx))
	// Output:
	// object_ignored elsewhere
	// <nil>
}

// A program can pass in a store's notification without a queue.
func TestNotificationWithoutAQueue(t *testing.T) {
	for format := range 6 {
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{DropUploadNotifications: true})
		ticket := p.Client.Ticket(t, ndjson)
		p.Client.Put(t, ticket, numbered(3))
		msg := notification(t, format, ticket.Key)
		looked, err := p.Service.Notification(t.Context(), msg.Body, msg.Metadata)
		require.NoError(t, err)
		require.Equal(t, ingest.Looked{Processed: 1}, looked)
		require.Equal(t, jobs.Completed, p.Wait(t, ticket.UploadID).State)
		looked, err = p.Service.Notification(t.Context(), []byte("top-secret-payload"), nil)
		require.NoError(t, err)
		require.Zero(t, looked)
		require.NotContains(t, p.Logs(), "top-secret")
		last := p.Events()[len(p.Events())-1]
		require.Equal(t, ingest.EventObjectIgnored, last.Kind)
		require.Equal(t, string(notify.Junk), last.Code)
	}
}
