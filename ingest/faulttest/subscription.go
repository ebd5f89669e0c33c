package faulttest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/driver"

	"github.com/fhirdock/fhirdock/queue"
)

// Opener opens a decorated [Subscription] of inner, again each time it breaks.
func Opener(inner *pubsub.Subscription, plan Plan) queue.Opener {
	return queue.Reopen(func(ctx context.Context) (sub *pubsub.Subscription, err error) {
		err = plan.run(ctx, Call{Kind: SubscriptionOpen}, func(context.Context) error {
			if sub == nil { // with two, the first would keep messages
				sub = Subscription(inner, plan)
			}
			return nil
		})
		if err != nil && sub != nil {
			_ = sub.Shutdown(context.WithoutCancel(ctx))
			return nil, err
		}
		return sub, err
	})
}

// Subscription returns a subscription with faults, which takes one message at a time. After
// an error it is useless, as in Go CDK: see [queue.Reopen]. A message whose receipt fails is
// given back to the broker, if that takes messages back, and so are messages not
// acknowledged at shutdown.
func Subscription(inner *pubsub.Subscription, plan Plan) *pubsub.Subscription {
	one := &batcher.Options{MaxBatchSize: 1, MaxHandlers: 1}
	return pubsub.NewSubscription(&subscription{inner: inner, plan: plan, taken: make(map[driver.AckID]*pubsub.Message)}, one, nil)
}

type subscription struct {
	inner *pubsub.Subscription
	plan  Plan
	last  atomic.Int64
	// For ReceiveBatch, which is not concurrent: messages to be received next, and
	// messages held back.
	ready []*driver.Message
	held  *driver.Message

	mu    sync.Mutex
	taken map[driver.AckID]*pubsub.Message // neither acked nor nacked
}

func (s *subscription) IsRetryable(error) bool                 { return false }
func (s *subscription) As(i any) bool                          { return s.inner.As(i) }
func (s *subscription) ErrorAs(err error, i any) bool          { return s.inner.ErrorAs(err, i) }
func (s *subscription) ErrorCode(err error) gcerrors.ErrorCode { return gcerrors.Code(err) }

// ReceiveBatch receives one message.
func (s *subscription) ReceiveBatch(ctx context.Context, _ int) ([]*driver.Message, error) {
	for len(s.ready) == 0 {
		if err := s.receive(ctx); err != nil {
			return nil, err
		}
	}
	m := s.ready[0]
	s.ready = s.ready[1:]
	return []*driver.Message{m}, nil
}

// receive makes the next messages ready, possibly none.
func (s *subscription) receive(ctx context.Context) error {
	wait, cancel := ctx, context.CancelFunc(func() {})
	if s.held != nil {
		wait, cancel = context.WithTimeout(ctx, delay)
	}
	defer cancel()
	got, err := s.inner.Receive(wait)
	if err != nil {
		if s.held != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			s.ready, s.held = append(s.ready, s.held), nil
			return nil
		}
		return err
	}
	c := Call{SubscriptionReceive, got.Metadata[jobIDMetadata]}
	switch fault := s.plan.decide(ctx, c); fault {
	case Before, Hang:
		s.giveBack(got)
		return inject(ctx, fault, c, nil)
	case After, HangAfter, Late, Drop:
		got.Ack()
		return inject(ctx, fault, c, func(context.Context) error { return nil })
	case Delay:
		if s.held == nil {
			s.held = s.message(got, true)
			return nil
		}
	case Double:
		s.ready = append(s.ready, s.message(got, false))
	}
	s.ready = append(s.ready, s.message(got, true))
	if s.held != nil {
		s.ready, s.held = append(s.ready, s.held), nil
	}
	return nil
}

// message returns a message of this subscription. If it is not counted, acking and nacking
// it have no effect on the inner one.
func (s *subscription) message(m *pubsub.Message, counted bool) *driver.Message {
	id := s.last.Add(1)
	if counted {
		s.mu.Lock()
		s.taken[id] = m
		s.mu.Unlock()
	}
	return &driver.Message{LoggableID: m.LoggableID, Body: m.Body, Metadata: m.Metadata, AckID: id, AsFunc: m.As}
}

func (s *subscription) giveBack(m *pubsub.Message) {
	if m.Nackable() {
		m.Nack()
	} // otherwise the broker's ack deadline passes
}

func (s *subscription) take(ids []driver.AckID) []*pubsub.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ms []*pubsub.Message
	for _, id := range ids {
		if m, ok := s.taken[id]; ok {
			delete(s.taken, id)
			ms = append(ms, m)
		}
	}
	return ms
}

func (s *subscription) SendAcks(ctx context.Context, ids []driver.AckID) error {
	c := Call{Kind: SubscriptionAck}
	fault := s.plan.decide(ctx, c)
	if fault == Drop {
		return nil
	}
	return inject(ctx, fault, c, func(context.Context) error {
		for _, m := range s.take(ids) {
			m.Ack()
		}
		return nil
	})
}

func (s *subscription) CanNack() bool { return true }

func (s *subscription) SendNacks(ctx context.Context, ids []driver.AckID) error {
	return s.plan.run(ctx, Call{Kind: SubscriptionNack}, func(context.Context) error {
		for _, m := range s.take(ids) {
			s.giveBack(m)
		}
		return nil
	})
}

// Close gives back unacknowledged messages, and leaves the inner subscription open.
func (s *subscription) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, m := range s.taken {
		delete(s.taken, id)
		s.giveBack(m)
	}
	return nil
}
