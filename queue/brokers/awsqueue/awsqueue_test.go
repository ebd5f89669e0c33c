package awsqueue

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/queue"
)

// setCredentials puts credentials into the environment.
func setCredentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "k")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
}

func TestURLs(t *testing.T) {
	setCredentials(t)
	for url, want := range map[string]string{
		"awssqs://sqs.eu-west-1.amazonaws.com/1/q?regoin=s3cret": `unknown parameter "regoin"; there are anonymous, dualstack, `,
		"awssqs://sqs.eu-west-1.amazonaws.com/q":                 "must be awssqs://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE",
		"awssqs://sqs.eu-west-1.amazonaws.com/1/q.wav":           "must be awssqs://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE",
		"awssqs://k:s3cret@sqs.eu-west-1.amazonaws.com/1/q":      "must name no user",
	} {
		_, err := queue.OpenPublisher(t.Context(), url, nil)
		require.ErrorContains(t, err, want, url)
		require.NotContains(t, err.Error(), "s3cret")
		_, err = queue.OpenSubscription(t.Context(), url, nil)
		require.ErrorContains(t, err, want, url)
		require.NotContains(t, err.Error(), "s3cret")
	}
	const q = "awssqs://sqs.eu-west-1.amazonaws.com/1/q?"
	for params, want := range map[string]string{
		"waittime=0s": "from 1s to 20s", "waittime=21s": "from 1s to 20s", "waittime=s3cret": "from 1s to 20s",
		"raw=s3cret": `"raw" must be true or false`, "nacklazy=s3cret": `"nacklazy" must be true or false`,
		"x=s3cret": "there are anonymous, dualstack, endpoint, fips, hostname_immutable, nacklazy, profile, rate_limiter_capacity, raw, region, role, snstopicarn, waittime",
	} {
		_, err := queue.OpenSubscription(t.Context(), q+params, nil)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "s3cret")
	}
	_, err := queue.OpenPublisher(t.Context(), q+"raw=true", nil)
	require.ErrorContains(t, err, "unknown parameter", "a topic does not receive")
	for _, arn := range []string{"", "/arn:aws:sqs:eu-west-1:1:q", "/s3cret"} {
		_, err := queue.OpenPublisher(t.Context(), "awssns://"+arn, nil)
		require.ErrorContains(t, err, "must be awssns:///arn:aws:sns:REGION:ACCOUNT:TOPIC")
	}
	_, err = queue.OpenSubscription(t.Context(), "awssns:///arn:aws:sns:eu-west-1:1:t", nil)
	require.ErrorContains(t, err, "must begin with awssqs://", "SNS is received through a queue")
}

// The region comes from the name unless the URL has another.
func TestRegion(t *testing.T) {
	setCredentials(t)
	for url, want := range map[string]string{
		"awssqs://sqs.eu-west-1.amazonaws.com/1/q":                      "eu-west-1",
		"awssqs://sqs.cn-north-1.amazonaws.com.cn/1/q":                  "cn-north-1",
		"awssqs://sqs.eu-west-1.amazonaws.com/1/q?region=eu-south-2":    "eu-south-2",
		"awssns:///arn:aws-us-gov:sns:us-gov-west-1:123456789012:t":     "us-gov-west-1",
		"awssns:///arn:aws:sns:eu-west-1:1:t.fifo?region=eu-central-1":  "eu-central-1",
		"awssqs://localhost:1/1/q?region=x&endpoint=http://localhost:1": "x",
	} {
		target, err := parse(url, []string{"awssqs", "awssns"})
		require.NoError(t, err, url)
		cfg, err := target.config(t.Context())
		require.NoError(t, err, url)
		require.Equal(t, want, cfg.Region, url)
	}
}

// A denied check and an unreachable service are not errors; a missing queue is.
func TestCheck(t *testing.T) {
	setCredentials(t)
	for code, want := range map[string]string{
		"AccessDenied": "", "AccessDeniedException": "", "ServiceUnavailable": "", "QueueDoesNotExist": "QueueDoesNotExist", "InvalidClientTokenId": "InvalidClientTokenId",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			require.Equal(t, "AmazonSQS.GetQueueAttributes", r.Header.Get("X-Amz-Target"))
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			status := http.StatusBadRequest
			if code == "ServiceUnavailable" {
				status = http.StatusServiceUnavailable
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"__type":"com.amazonaws.sqs#` + code + `"}`))
		}))
		_, err := queue.OpenSubscription(t.Context(), "awssqs://sqs.eu-west-1.amazonaws.com/1/q?endpoint="+server.URL, nil)
		server.Close()
		if want == "" {
			require.NoError(t, err, code)
			continue
		}
		require.ErrorContains(t, err, want)
	}
}

// Without credentials opening fails, even if the queue is unreachable.
func TestNoCredentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/")
	_, err := queue.OpenSubscription(t.Context(), "awssqs://sqs.eu-west-1.amazonaws.com/1/q?endpoint=http://127.0.0.1:1", nil)
	require.ErrorContains(t, err, "credentials")
}

func TestAddress(t *testing.T) {
	first := queue.Message{JobID: "job-1", OrganizationID: "St Mary", Timestamp: time.Unix(1, 0)}
	second := first
	second.Timestamp = time.Unix(2, 0)
	sent := func(m queue.Message, fifo bool) *sqstypes.SendMessageBatchRequestEntry {
		var out sqstypes.SendMessageBatchRequestEntry
		require.NoError(t, address(fifo)(m, func(i any) bool {
			p, ok := i.(**sqstypes.SendMessageBatchRequestEntry)
			if ok {
				*p = &out
			}
			return ok
		}))
		return &out
	}
	a, b := sent(first, true), sent(second, true)
	require.Equal(t, a.MessageGroupId, b.MessageGroupId)
	require.Regexp(t, `^[!-~]{1,128}$`, *a.MessageGroupId)
	require.NotEqual(t, *a.MessageDeduplicationId, *b.MessageDeduplicationId, "the sweeper's wake-up would be dropped")
	require.Equal(t, *a.MessageDeduplicationId, *sent(first, true).MessageDeduplicationId, "a retry of the same call is dropped")
	require.NotEqual(t, *sent(queue.Message{JobID: "a"}, true).MessageDeduplicationId, *sent(queue.Message{JobID: "a"}, true).MessageDeduplicationId)
	long := sent(queue.Message{JobID: strings.Repeat("a", 128), Timestamp: time.Unix(1, 0)}, true)
	require.LessOrEqual(t, len(*long.MessageDeduplicationId), 128)
	require.Nil(t, sent(first, false).MessageDeduplicationId, "a standard queue refuses it")
	require.Equal(t, a.MessageGroupId, sent(first, false).MessageGroupId)

	var out snstypes.PublishBatchRequestEntry
	require.NoError(t, address(true)(first, func(i any) bool {
		p, ok := i.(**snstypes.PublishBatchRequestEntry)
		if ok {
			*p = &out
		}
		return ok
	}))
	require.Equal(t, a.MessageGroupId, out.MessageGroupId)
	require.NotNil(t, out.MessageDeduplicationId)
	require.Error(t, address(true)(first, func(any) bool { return false }))
}

// Receives use long polls for one message, so that an empty queue costs few requests and
// nothing is prefetched while its visibility timeout runs. A message that is given back is
// left to that timeout.
func TestReceiving(t *testing.T) {
	setCredentials(t)
	type request struct {
		target string
		body   map[string]any
	}
	const messages = 30 // enough for an adaptive driver to prefetch
	seen := make(chan request, 1000)
	var served, handled atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		target := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
		seen <- request{target, body}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if target == "ReceiveMessage" && served.Add(1) <= messages {
			_, _ = w.Write([]byte(`{"Messages":[{"MessageId":"m","ReceiptHandle":"h","Body":"x","MD5OfBody":"9dd4e461268c8034f5c8564e155c67a6"}]}`))
			return
		}
		if target == "ReceiveMessage" {
			<-r.Context().Done() // long poll
			return
		}
		_, _ = w.Write([]byte(`{}`))
	}))
	defer server.Close()
	opener, err := queue.OpenSubscription(t.Context(), "awssqs://sqs.eu-west-1.amazonaws.com/1/q?endpoint="+server.URL, nil)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	require.NoError(t, must(queue.NewConsumer(opener, &queue.ConsumerOptions{Logger: slog.New(slog.DiscardHandler)})).RunRaw(ctx,
		func(context.Context, queue.Raw) error {
			if handled.Add(1) < messages {
				return nil
			}
			stop()
			return errors.New("unavailable") // give it back
		}))
	close(seen)
	counts := map[string]int{}
	for r := range seen {
		counts[r.target]++
		if r.target == "ReceiveMessage" {
			require.EqualValues(t, 20, r.body["WaitTimeSeconds"])
			require.EqualValues(t, 1, r.body["MaxNumberOfMessages"])
		}
	}
	require.Equal(t, 2, counts["GetQueueAttributes"], "at the start, and when it is opened")
	require.LessOrEqual(t, counts["ReceiveMessage"], messages+1)
	require.Zero(t, counts["ChangeMessageVisibility"]+counts["ChangeMessageVisibilityBatch"], "it would be redelivered after a second")
	require.Positive(t, counts["DeleteMessageBatch"])
}
