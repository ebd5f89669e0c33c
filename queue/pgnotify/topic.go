package pgnotify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/driver"

	"github.com/fhirdock/fhirdock/internal/sqlsession"
)

// TopicOptions are the options of a topic; nil, and zero fields, mean the defaults.
type TopicOptions struct {
	// Timeout bounds sending a batch, including the wait for a connection. It must not be
	// negative. Default: 10 s.
	Timeout time.Duration
}

// OpenTopic returns a topic that notifies the listeners of a channel. The name of a channel
// is case-sensitive and has 1 to 63 characters of [A-Za-z0-9_]. Channels need not be created,
// and OpenTopic does not connect. The caller must shut the topic down, and close db after
// that. db must be of the driver github.com/jackc/pgx/v5/stdlib; with a pgxpool, use its
// OpenDBFromPool. It may have other uses, such as that of a job store (package sqljobs): the
// topic takes at most two connections at a time. Connections to a server that has become a
// standby are closed.
//
// Messages that are sent at the same time are sent together, up to 100, and get the same
// error. It has the code InvalidArgument if a message is too long, and ResourceExhausted if
// the server's queue of notifications is full.
//
// Topic.As supports **sql.DB, ErrorAs **pgconn.PgError and **pgconn.ConnectError.
func OpenTopic(db *sql.DB, channel string, opts *TopicOptions) (*pubsub.Topic, error) {
	t, err := newTopic(db, channel, opts)
	if err != nil {
		return nil, err
	}
	return pubsub.NewTopic(t, &batcher.Options{MaxBatchSize: 100, MaxHandlers: 2}), nil
}

func newTopic(db *sql.DB, channel string, opts *TopicOptions) (*topic, error) {
	if db == nil {
		return nil, errors.New("pgnotify: a topic needs a database")
	}
	if _, ok := db.Driver().(*stdlib.Driver); !ok {
		return nil, errors.New("pgnotify: the topic's database must be of the driver github.com/jackc/pgx/v5/stdlib")
	}
	if err := checkChannel(channel); err != nil {
		return nil, err
	}
	t := &topic{db: db, channel: channel, timeout: 10 * time.Second}
	if opts != nil && opts.Timeout != 0 {
		t.timeout = opts.Timeout
	}
	if t.timeout < 0 {
		return nil, errors.New("pgnotify: TopicOptions.Timeout must not be negative")
	}
	return t, nil
}

// PostgreSQL's identifiers have at most 63 bytes. LISTEN truncates longer ones, and NOTIFY
// fails.
var channelName = regexp.MustCompile(`^[A-Za-z0-9_]{1,63}$`)

func checkChannel(name string) error {
	if !channelName.MatchString(name) {
		return errors.New("pgnotify: the name of a channel must have 1 to 63 characters of [A-Za-z0-9_]")
	}
	return nil
}

type topic struct {
	codes
	db      *sql.DB
	channel string
	timeout time.Duration
}

// SendBatch implements driver.Topic. If some messages can't be encoded, the others, which may
// be from other callers, are still sent.
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
		err := sqlsession.Writable(ctx, t.db, func(ctx context.Context, conn *sql.Conn) error {
			// Not prepared: a pooler may give the next statement to another session.
			_, err := conn.ExecContext(ctx, "select pg_notify($1, m) from unnest($2::text[]) as m", pgx.QueryExecModeExec, t.channel, payloads)
			return err
		})
		if err != nil {
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
	p, ok := i.(**sql.DB)
	if ok {
		*p = t.db
	}
	return ok
}

// Close implements driver.Topic. The database stays open.
func (*topic) Close() error { return nil }
