package pgnotify

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/driver"
)

// TopicOptions; nil, and zero fields, mean the defaults.
type TopicOptions struct {
	// Timeout bounds the sending of a batch, the wait for a connection of the
	// pool included. It must not be negative. Default 10 s.
	Timeout time.Duration
}

// OpenTopic returns a topic that notifies the listeners of a channel. The name of
// a channel has 1 to 63 characters of [A-Za-z0-9_], and upper case is not lower
// case. Nothing is sent yet, nor looked up: there is no such thing as a channel
// that does not exist. The topic must be shut down by the caller, and the pool be
// closed after that; a pool of two connections is enough, and it may be in use for
// other things. Where the server has become a standby, the topic resets the pool: its
// connections are closed, those in use once they are given back.
//
// Messages that are sent at the same time are sent together, up to 100, and get
// one error. It has the code InvalidArgument if a message is too long, and
// ResourceExhausted if the server's queue of notifications is full.
//
// Topic.As gives **pgxpool.Pool, ErrorAs **pgconn.PgError and
// **pgconn.ConnectError.
func OpenTopic(pool *pgxpool.Pool, channel string, opts *TopicOptions) (*pubsub.Topic, error) {
	t, err := newTopic(pool, channel, opts)
	if err != nil {
		return nil, err
	}
	return pubsub.NewTopic(t, &batcher.Options{MaxBatchSize: 100, MaxHandlers: 2}), nil
}

func newTopic(pool *pgxpool.Pool, channel string, opts *TopicOptions) (*topic, error) {
	if pool == nil {
		return nil, errors.New("pgnotify: a topic needs a pool")
	}
	if err := checkChannel(channel); err != nil {
		return nil, err
	}
	t := &topic{pool: pool, channel: channel, timeout: 10 * time.Second}
	if opts != nil && opts.Timeout != 0 {
		t.timeout = opts.Timeout
	}
	if t.timeout < 0 {
		return nil, errors.New("pgnotify: TopicOptions.Timeout must not be negative")
	}
	return t, nil
}

// An identifier of PostgreSQL has 63 bytes at most; a longer one is cut by LISTEN
// and refused by NOTIFY.
var channelName = regexp.MustCompile(`^[A-Za-z0-9_]{1,63}$`)

func checkChannel(name string) error {
	if !channelName.MatchString(name) {
		return errors.New("pgnotify: the name of a channel must have 1 to 63 characters of [A-Za-z0-9_]")
	}
	return nil
}

type topic struct {
	codes
	pool    *pgxpool.Pool
	channel string
	timeout time.Duration
}

// SendBatch implements driver.Topic. Messages that can't be sent do not keep the
// others, of other callers, from being sent.
func (t *topic) SendBatch(ctx context.Context, ms []*driver.Message) error {
	none := func(any) bool { return false }
	var refused error
	payloads := make([]string, 0, len(ms))
	for _, m := range ms {
		if m.BeforeSend != nil {
			if err := m.BeforeSend(none); err != nil {
				return err
			}
		}
		payload, err := encode(m)
		if err != nil {
			refused = err
			continue
		}
		payloads = append(payloads, payload)
	}
	if len(payloads) > 0 {
		ctx, cancel := context.WithTimeout(ctx, t.timeout)
		defer cancel()
		// Not prepared: a pooler may give the next statement to another session.
		_, err := t.pool.Exec(ctx, "select pg_notify($1, m) from unnest($2::text[]) as m", pgx.QueryExecModeExec, t.channel, payloads)
		if err != nil {
			if onStandby(err) {
				// Its other connections may lead there too, and none would be closed.
				t.pool.Reset()
			}
			return fmt.Errorf("pgnotify: notify: %w", err)
		}
	}
	if refused != nil {
		return refused
	}
	for _, m := range ms {
		if m.AfterSend != nil {
			if err := m.AfterSend(none); err != nil {
				return err
			}
		}
	}
	return nil
}

// As implements driver.Topic.
func (t *topic) As(i any) bool {
	p, ok := i.(**pgxpool.Pool)
	if ok {
		*p = t.pool
	}
	return ok
}

// Close implements driver.Topic. The pool stays open.
func (*topic) Close() error { return nil }
