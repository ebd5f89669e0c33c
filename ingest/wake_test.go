package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/driver"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// slowTopic is slow, or hangs, when it sends, and may then fail.
type slowTopic struct {
	mu      sync.Mutex
	after   time.Duration
	err     error
	started int
	sent    int
	ended   chan struct{}
}

func (s *slowTopic) set(after time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after, s.err = after, err
}

func (s *slowTopic) counts() (started, sent int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started, s.sent
}

func (s *slowTopic) SendBatch(_ context.Context, ms []*driver.Message) error {
	s.mu.Lock()
	after, err := s.after, s.err
	s.started += len(ms)
	s.mu.Unlock()
	select {
	case <-time.After(after):
	case <-s.ended:
		return errors.New("ended")
	}
	if err == nil {
		s.mu.Lock()
		s.sent += len(ms)
		s.mu.Unlock()
	}
	return err
}

func (*slowTopic) IsRetryable(error) bool             { return false }
func (*slowTopic) As(any) bool                        { return false }
func (*slowTopic) ErrorAs(error, any) bool            { return false }
func (*slowTopic) ErrorCode(error) gcerrors.ErrorCode { return gcerrors.Unknown }
func (*slowTopic) Close() error                       { return nil }

// withSlowTopic runs a test in its own bubble, with a Service that has jobs to redrive.
func withSlowTopic(t *testing.T, opts ingest.Options, test func(t *testing.T, svc *ingest.Service, topic *slowTopic, failed []string)) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowTopic{ended: make(chan struct{})}
		topic := pubsub.NewTopic(slow, &batcher.Options{MaxBatchSize: 1, MaxHandlers: 1000})
		store := jobs.NewMemStore()
		opts.NoUploads = true
		svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: store}, &opts)
		require.NoError(t, err)
		var failed []string
		for range 20 {
			job := &jobs.Job{ID: jobs.NewID(), OrganizationID: caller.OrganizationID, State: jobs.Failed, Source: jobs.Webhook, MaxAttempts: 3,
				Payload: jobs.Payload{Key: "k"}, CreatedAt: time.Now(), StartedAt: time.Now(), FinishedAt: time.Now(), Failure: &jobs.Failure{Code: "x"}}
			require.NoError(t, store.Create(t.Context(), job))
			failed = append(failed, job.ID)
		}
		defer func() {
			close(slow.ended)
			require.NoError(t, topic.Shutdown(t.Context()))
		}()
		test(t, svc, slow, failed)
	})
}

func TestWakeUpDelaysNoAnswer(t *testing.T) {
	withSlowTopic(t, ingest.Options{Logger: slog.New(slog.DiscardHandler)}, func(t *testing.T, svc *ingest.Service, topic *slowTopic, failed []string) {
		took := func(do func() error) time.Duration {
			began := time.Now()
			require.NoError(t, do())
			return time.Since(began)
		}
		accept := func() error {
			_, err := svc.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
			return err
		}
		topic.set(time.Second, nil)
		require.Equal(t, 200*time.Millisecond, took(accept))
		time.Sleep(time.Second)
		_, sent := topic.counts()
		require.Equal(t, 1, sent, "it is still sent")

		topic.set(time.Hour, nil)
		require.Equal(t, 200*time.Millisecond, took(accept))
		require.Equal(t, 200*time.Millisecond, took(func() error {
			_, err := svc.Redrive(t.Context(), caller, failed[0])
			return err
		}))
		require.Equal(t, 200*time.Millisecond, took(func() error {
			done, err := svc.RedriveAll(t.Context(), caller, ingest.RedriveRequest{})
			require.Equal(t, len(failed)-1, done.Jobs)
			return err
		}), "for all jobs together")

		topic.set(0, nil)
		require.Zero(t, took(accept))
	})
}

func TestWakeTimeout(t *testing.T) {
	withSlowTopic(t, ingest.Options{WakeTimeout: 2 * time.Second, Logger: slog.New(slog.DiscardHandler)},
		func(t *testing.T, svc *ingest.Service, topic *slowTopic, _ []string) {
			for after, want := range map[time.Duration]time.Duration{time.Second: time.Second, time.Hour: 2 * time.Second} {
				topic.set(after, nil)
				began := time.Now()
				_, err := svc.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
				require.NoError(t, err)
				require.Equal(t, want, time.Since(began))
			}
		})
}

// A broker that hangs holds a bounded number of wake-ups, and then delays nothing.
func TestWakeUpsInProgressAreBounded(t *testing.T) {
	const most, n = 256, 1000
	var mu sync.Mutex
	codes := map[string]int{}
	opts := ingest.Options{Logger: slog.New(slog.DiscardHandler), Observe: func(e ingest.Event) {
		if e.Kind == ingest.EventNotWoken {
			mu.Lock()
			defer mu.Unlock()
			codes[e.Code]++
		}
	}}
	withSlowTopic(t, opts, func(t *testing.T, svc *ingest.Service, topic *slowTopic, _ []string) {
		topic.set(time.Hour, nil)
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				_, err := svc.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
				require.NoError(t, err)
			})
		}
		all.Wait()
		started, _ := topic.counts()
		require.Equal(t, most, started)
		mu.Lock()
		require.Equal(t, map[string]int{"busy": n - most}, codes)
		mu.Unlock()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		mu.Lock()
		require.Equal(t, map[string]int{"busy": n - most, "failed": most}, codes)
		mu.Unlock()
	})
}

// A broker that fails is logged once, and once when it is back.
func TestWakeUpsNotSentAreLoggedOnce(t *testing.T) {
	var logs bytes.Buffer
	opts := ingest.Options{Logger: slog.New(slog.NewTextHandler(&logs, nil))}
	withSlowTopic(t, opts, func(t *testing.T, svc *ingest.Service, topic *slowTopic, _ []string) {
		for _, err := range []error{errors.New("away"), errors.New("away"), nil, nil, errors.New("away")} {
			topic.set(0, err)
			_, err := svc.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
			require.NoError(t, err)
		}
	})
	require.Equal(t, 2, strings.Count(logs.String(), "wake-ups are not sent"), logs.String())
	require.Equal(t, 1, strings.Count(logs.String(), "wake-ups are sent again"))
}
