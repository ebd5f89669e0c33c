//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// The messages of a batch that are redelivered.
func TestRedeliveredMessages(t *testing.T) {
	p := &pipeline{log: slog.New(slog.DiscardHandler)}
	job := func(id string) string { return `{"jobId":"` + id + `"}` }
	for name, c := range map[string]struct {
		messages []message
		again    []string
		seen     []string
	}{
		"none":                {nil, nil, nil},
		"all well":            {[]message{{"1", "a", job("j1")}, {"2", "b", job("j2")}}, nil, []string{"j1", "j2"}},
		"one of several":      {[]message{{"1", "", job("j1")}, {"2", "", job("bad")}, {"3", "", job("j3")}}, []string{"2"}, []string{"j1", "bad", "j3"}},
		"useless messages":    {[]message{{"1", "a", "junk"}, {"2", "a", job("j2")}, {"3", "", "junk"}}, []string{"1", "3"}, []string{"junk", "j2", "junk"}},
		"the rest of a group": {[]message{{"1", "a", job("bad")}, {"2", "b", job("j2")}, {"3", "a", job("j3")}, {"4", "a", "junk"}}, []string{"1", "3", "4"}, []string{"bad", "j2"}},
		"not earlier ones":    {[]message{{"1", "a", job("j1")}, {"2", "a", job("bad")}, {"3", "b", job("bad")}}, []string{"2", "3"}, []string{"j1", "bad", "bad"}},
	} {
		t.Run(name, func(t *testing.T) {
			var batch events.SQSEvent
			require.NoError(t, json.Unmarshal([]byte(sqsEvent(t, c.messages...)), &batch))
			var seen []string
			answer := p.work(t.Context(), batch.Records, func(_ context.Context, body []byte) error {
				if string(body) == "junk" {
					seen = append(seen, "junk")
					return fmt.Errorf("%w: junk", queue.ErrDeadLetter)
				}
				wakeUp, err := queue.Decode(body)
				require.NoError(t, err)
				seen = append(seen, wakeUp.JobID)
				if wakeUp.JobID == "bad" {
					return errAway
				}
				return nil
			})
			require.Equal(t, c.seen, seen)
			var again []string
			for _, f := range answer.BatchItemFailures {
				again = append(again, f.ItemIdentifier)
			}
			require.Equal(t, c.again, again)
			raw, err := json.Marshal(answer)
			require.NoError(t, err)
			require.NotContains(t, string(raw), "null")
		})
	}
}

// awayStore is a job store that is unreachable.
type awayStore struct{ jobs.Store }

var errAway = errors.New("away")

func (awayStore) Get(context.Context, string) (*jobs.Job, error) { return nil, errAway }

// While a back end is unreachable no message is acknowledged.
func TestUnreachableBackEnd(t *testing.T) {
	bucket := memblob.OpenBucket(nil)
	topic, subscription := local(nil)
	t.Cleanup(func() {
		require.NoError(t, errors.Join(topic.Shutdown(context.Background()), subscription.Shutdown(context.Background()), bucket.Close()))
	})
	log := slog.New(slog.DiscardHandler)
	service, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, &blobstore.Options{Bucket: "b"})), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: awayStore{jobs.NewMemStore()}},
		&ingest.Options{NoUploads: true, Logger: log})
	require.NoError(t, err)
	p := &pipeline{settings: &settings{}, log: log, service: service}
	uploads, err := newUploads(p)
	require.NoError(t, err)
	id := jobs.NewID()
	_, err = uploads(t.Context(), []byte(s3Event(t, "ObjectCreated:Put", "b", "incoming/fhir/demo/2026/11/01/"+id+".ndjson")))
	require.ErrorIs(t, err, errAway, "Lambda retries S3's call")

	worker, err := ingest.NewWorker(service, ingest.HandlerFunc(func(context.Context, *ingest.Batch) error { return nil }), nil)
	require.NoError(t, err)
	answer := p.work(t.Context(), []events.SQSMessage{{MessageId: "m", Body: `{"jobId":"` + id + `"}`}}, worker.WorkMessage)
	require.Equal(t, []events.SQSBatchItemFailure{{ItemIdentifier: "m"}}, answer.BatchItemFailures)
}
