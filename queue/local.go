package queue

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"

	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/driver"
)

// LocalOptions of [NewLocal]; nil and zero fields mean the defaults.
type LocalOptions struct {
	// Capacity in messages; it must not be negative. If so many are waiting, a new one is
	// dropped without an error: those that wait will wake the receiver often enough.
	// Default 4096.
	Capacity int
}

// NewLocal returns a topic and its only subscription, in memory. Messages are received at
// once, without polling. It is made for wake-ups, some of which may be lost: messages
// above Capacity are dropped. The caller must shut down topic and subscription. It is an
// error if Capacity is negative.
func NewLocal(opts *LocalOptions) (*pubsub.Topic, *pubsub.Subscription, error) {
	capacity := 4096
	if opts != nil && opts.Capacity != 0 {
		capacity = opts.Capacity
	}
	if capacity < 0 {
		return nil, nil, errors.New("queue: LocalOptions.Capacity must not be negative")
	}
	l := &local{waiting: make(chan *driver.Message, capacity), closed: make(chan struct{})}
	// One message at a time: a prefetched message would be kept from a free handler.
	one := &batcher.Options{MaxBatchSize: 1, MaxHandlers: 1}
	return pubsub.NewTopic(localTopic{l}, &batcher.Options{MaxBatchSize: 100, MaxHandlers: 2}),
		pubsub.NewSubscription(&localSubscription{local: l, taken: make(map[driver.AckID]*driver.Message)}, one, nil), nil
}

var errClosed = errors.New("queue: the in-process queue is shut down")

type local struct {
	waiting chan *driver.Message
	closed  chan struct{} // of the subscription
	last    atomic.Int64
}

// put adds a message unless the queue is full.
func (l *local) put(m *driver.Message) error {
	select {
	case <-l.closed:
		return errClosed
	default:
	}
	select {
	case l.waiting <- m:
	default:
	}
	return nil
}

func (*local) IsRetryable(error) bool  { return false }
func (*local) As(any) bool             { return false }
func (*local) ErrorAs(error, any) bool { return false }
func (*local) ErrorCode(err error) gcerrors.ErrorCode {
	if errors.Is(err, errClosed) {
		return gcerrors.FailedPrecondition
	}
	return gcerrors.Unknown
}

type localTopic struct{ *local }

func (t localTopic) SendBatch(ctx context.Context, ms []*driver.Message) error {
	none := func(any) bool { return false }
	for _, m := range ms {
		if err := ctx.Err(); err != nil {
			return err
		}
		if m.BeforeSend != nil {
			if err := m.BeforeSend(none); err != nil {
				return err
			}
		}
		id := t.last.Add(1)
		err := t.put(&driver.Message{
			LoggableID: strconv.FormatInt(id, 10), Body: m.Body, Metadata: m.Metadata, AckID: id, AsFunc: none,
		})
		if err != nil {
			return err
		}
		if m.AfterSend != nil {
			if err := m.AfterSend(none); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t localTopic) Close() error { return nil }

type localSubscription struct {
	*local
	mu    sync.Mutex
	taken map[driver.AckID]*driver.Message // received, not yet settled
	once  sync.Once
}

// ReceiveBatch blocks until there is a message. Go CDK cancels its context to end it.
func (s *localSubscription) ReceiveBatch(ctx context.Context, most int) ([]*driver.Message, error) {
	var ms []*driver.Message
	select {
	case m := <-s.waiting:
		ms = append(ms, m)
	case <-s.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for len(ms) < most {
		select {
		case m := <-s.waiting:
			ms = append(ms, m)
			continue
		default:
		}
		break
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range ms {
		s.taken[m.AckID] = m
	}
	return ms, nil
}

func (s *localSubscription) SendAcks(_ context.Context, ids []driver.AckID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		delete(s.taken, id)
	}
	return nil
}

func (s *localSubscription) CanNack() bool { return true }

// SendNacks puts messages back at the end of the queue.
func (s *localSubscription) SendNacks(_ context.Context, ids []driver.AckID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if m, ok := s.taken[id]; ok {
			delete(s.taken, id)
			_ = s.put(m)
		}
	}
	return nil
}

func (s *localSubscription) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}
