package ingest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

const (
	// maxWaking is how many wake-ups are sent concurrently.
	maxWaking = 256
	// sendTimeout bounds sending one, whether or not a caller still waits for it.
	sendTimeout = 10 * time.Second
)

var errManyWakeUps = errors.New("ingest: too many wake-ups are being sent already")

// waker sends wake-ups. Workers find a job without its wake-up, only later, so sending
// never fails an operation, and delays it by at most [Options.WakeTimeout].
type waker struct {
	pub    *queue.Publisher
	places chan struct{} // one for each wake-up being sent

	mu      sync.Mutex
	failing bool
	changed time.Time // failing
}

// turned records whether a wake-up that began at a time failed, and reports whether that
// changes the state. Wake-ups that began before the last change don't count.
func (w *waker) turned(failing bool, began time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failing == failing || began.Before(w.changed) {
		return false
	}
	w.failing, w.changed = failing, time.Now()
	return true
}

func newWaker(pub *queue.Publisher) *waker {
	return &waker{pub: pub, places: make(chan struct{}, maxWaking)}
}

// wake publishes a wake-up, and returns when it is sent, after WakeTimeout, or when ctx is
// done, whichever is first; sending then continues for up to sendTimeout. While maxWaking
// others are being sent, the wake-up is dropped.
func (s *Service) wake(ctx context.Context, job *jobs.Job) {
	msg := s.wakeUp(job) // now: the caller may change the job once wake has returned
	select {
	case s.waker.places <- struct{}{}:
	default:
		s.notWoken(ctx, msg, time.Now(), "busy", errManyWakeUps)
		return
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		defer func() { <-s.waker.places }()
		_ = s.send(ctx, msg)
	}()
	timer := time.NewTimer(s.opts.WakeTimeout)
	defer timer.Stop()
	select {
	case <-sent:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// publish publishes a wake-up and waits until it is sent, for at most sendTimeout.
func (s *Service) publish(ctx context.Context, job *jobs.Job) error {
	return s.send(ctx, s.wakeUp(job))
}

func (s *Service) wakeUp(job *jobs.Job) queue.Message {
	msg := queue.Message{
		JobID:            job.ID,
		Bucket:           job.Payload.Bucket,
		Key:              job.Payload.Key,
		OrganizationID:   job.OrganizationID,
		OrganizationName: job.OrganizationName,
		UserID:           job.UserID,
		Source:           string(job.Source),
		FileSize:         job.Payload.Size,
		Timestamp:        s.now(),
	}
	if s.blobs.S3() {
		msg.S3Bucket, msg.S3Key = msg.Bucket, msg.Key
	}
	return msg
}

func (s *Service) send(ctx context.Context, msg queue.Message) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	began := time.Now()
	err := s.waker.pub.Publish(ctx, msg)
	if err != nil {
		s.notWoken(ctx, msg, began, "failed", err)
	} else if s.waker.turned(false, began) {
		s.opts.Logger.InfoContext(ctx, "wake-ups are sent again")
	}
	return err
}

// notWoken counts a wake-up that was not sent. The first one in a row is logged at WARN.
func (s *Service) notWoken(ctx context.Context, msg queue.Message, began time.Time, code string, err error) {
	s.opts.Observe(Event{Kind: EventNotWoken, JobID: msg.JobID, Source: msg.Source, Code: code})
	if s.waker.turned(true, began) {
		s.opts.Logger.WarnContext(ctx, "wake-ups are not sent; jobs are found later without them", "job", msg.JobID, "error", err)
		return
	}
	s.opts.Logger.DebugContext(ctx, "wake-up not sent", "job", msg.JobID, "error", err)
}

// observeSubscription is a Consumer's Observe.
func (s *Service) observeSubscription(err error) {
	code := "open"
	if err != nil {
		code = "lost"
	}
	s.opts.Observe(Event{Kind: EventSubscription, Code: code})
}
