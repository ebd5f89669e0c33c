package ingest_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"

	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/driver"
)

// badBroker is a queue that does everything that a broker may do to a wake-up: it delivers
// each one several times, in any order. It loses a share of all deliveries, drop: all
// deliveries of some messages, and some of others.
type badBroker struct {
	copies int
	drop   float64

	mu      sync.Mutex
	rng     *rand.Rand
	waiting []delivery
	more    chan struct{} // closed when a message is sent
	out     int           // deliveries not yet acknowledged
	acked   int
	sent    int // intended deliveries
	lost    int // of these
	watched []watch
}

type delivery struct{ m *driver.Message }

// watch is closed after that many acknowledgements or, if negative, when no deliveries
// are left.
type watch struct {
	at   int
	done chan struct{}
}

func newBadBroker(copies int, drop float64, seed uint64) *badBroker {
	return &badBroker{copies: copies, drop: drop, rng: rand.New(rand.NewPCG(seed, 0)), more: make(chan struct{})}
}

func (b *badBroker) topic() *pubsub.Topic {
	return pubsub.NewTopic(badTopic{b}, &batcher.Options{MaxBatchSize: 1000, MaxHandlers: 2})
}

func (b *badBroker) subscription() *pubsub.Subscription {
	return pubsub.NewSubscription(badSubscription{b}, &batcher.Options{MaxBatchSize: 100, MaxHandlers: 1}, nil)
}

// after returns a channel that is closed after n acknowledgements; with -1, after all.
func (b *badBroker) after(n int) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := watch{at: n, done: make(chan struct{})}
	b.watched = append(b.watched, w)
	b.tell()
	return w.done
}

func (b *badBroker) tell() {
	left := b.watched[:0]
	for _, w := range b.watched {
		idle := b.out == 0 && len(b.waiting) == 0
		if w.at >= 0 && b.acked >= w.at || idle {
			close(w.done)
		} else {
			left = append(left, w)
		}
	}
	b.watched = left
}

func (*badBroker) IsRetryable(error) bool                          { return false }
func (*badBroker) As(any) bool                                     { return false }
func (*badBroker) ErrorAs(error, any) bool                         { return false }
func (*badBroker) ErrorCode(error) gcerrors.ErrorCode              { return gcerrors.Unknown }
func (*badBroker) Close() error                                    { return nil }
func (*badBroker) CanNack() bool                                   { return false }
func (*badBroker) SendNacks(context.Context, []driver.AckID) error { return nil }

type badTopic struct{ *badBroker }

func (b badTopic) SendBatch(_ context.Context, ms []*driver.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.drop * 5 / 6 // for messages that are lost entirely
	for _, m := range ms {
		mute := b.rng.Float64() < all
		d := delivery{&driver.Message{Body: m.Body, LoggableID: strconv.Itoa(b.sent), AckID: 0, AsFunc: func(any) bool { return false }}}
		for range b.copies {
			b.sent++
			if mute || b.rng.Float64() < (b.drop-all)/(1-all) {
				b.lost++
				continue
			}
			b.waiting = append(b.waiting, d)
		}
	}
	close(b.more)
	b.more = make(chan struct{})
	return nil
}

type badSubscription struct{ *badBroker }

func (b badSubscription) ReceiveBatch(ctx context.Context, most int) ([]*driver.Message, error) {
	for {
		b.mu.Lock()
		var ms []*driver.Message
		for len(ms) < most && len(b.waiting) > 0 {
			i, last := b.rng.IntN(len(b.waiting)), len(b.waiting)-1
			m := *b.waiting[i].m
			b.waiting[i] = b.waiting[last]
			b.waiting = b.waiting[:last]
			ms = append(ms, &m)
			b.out++
		}
		more := b.more
		b.mu.Unlock()
		if len(ms) > 0 {
			return ms, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (b badSubscription) SendAcks(_ context.Context, ids []driver.AckID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.out -= len(ids)
	b.acked += len(ids)
	b.tell()
	return nil
}
