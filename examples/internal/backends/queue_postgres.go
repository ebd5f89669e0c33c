package backends

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/pgnotify"
)

// openNotify opens postgres://…?channel=NAME twice. There is nothing to be made
// for it.
func (b *Backends) openNotify(ctx context.Context, c Config) error {
	dsn, channel, err := notifyURL(c.Topic)
	if err != nil {
		return fmt.Errorf("open the topic: %w", err)
	}
	pooled, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("open the topic: %w", errNotPostgres)
	}
	survive(&pooled.ConnConfig.Config, dsn)
	if !says(dsn, "pool_max_conn_lifetime", "") {
		pooled.MaxConnLifetime = connLifetime
	}
	pool, err := pgxpool.NewWithConfig(ctx, pooled)
	if err != nil {
		return fmt.Errorf("open the topic: %w", err)
	}
	b.closeLater(func(context.Context) error { pool.Close(); return nil })
	topic, err := pgnotify.OpenTopic(pool, channel, nil)
	if err != nil {
		return fmt.Errorf("open the topic: %w", err)
	}
	b.Topic = topic
	b.closeLater(topic.Shutdown)
	start, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := pool.Ping(start); err != nil && !away(err) { // now, and not with the first payload
		return fmt.Errorf("open the topic: %w", err)
	}
	if c.Subscription == "" {
		return nil
	}

	if _, name, err := notifyURL(c.Subscription); err == nil && name != channel {
		return errors.New("open the subscription: its channel must be that of the topic")
	}
	if b.Subscription, err = notifySubscription(ctx, c, c.Subscription); err != nil {
		return fmt.Errorf("open the subscription: %w", err)
	}
	return nil
}

func notifySubscription(ctx context.Context, c Config, url string) (queue.Opener, error) {
	dsn, channel, err := notifyURL(url)
	if err != nil {
		return nil, err
	}
	single, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errNotPostgres
	}
	survive(&single.Config, dsn)
	open := func(ctx context.Context) (*pubsub.Subscription, error) {
		return pgnotify.OpenSubscription(ctx, single, channel, &pgnotify.SubscriptionOptions{Logger: c.Logger})
	}
	start, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	first, err := open(start) // to see whether it can be had
	if err == nil {
		err = first.Shutdown(start)
	}
	if err != nil && !away(err) {
		return nil, err
	}
	return queue.Reopen(open), nil
}

// startTimeout is how long a start waits for a server that may be away.
const startTimeout = 5 * time.Second

// away reports whether there is no server just now that lets anyone in: it can't be
// reached, starts or ends, or has no connection left. What it answers else, such as that
// a password is wrong, is a mistake.
func away(err error) bool {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(answer.Code, "57P0") || strings.HasPrefix(answer.Code, "53")
	}
	_, network := errors.AsType[*net.OpError](err)
	_, unnamed := errors.AsType[*net.DNSError](err)
	return network || unnamed || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// errNotPostgres is said in place of pgx's own error, which has the URL in it, and
// with some mistakes the password.
var errNotPostgres = errors.New("the URL is not one of PostgreSQL: postgres://USER:PASSWORD@HOST:5432/DATABASE and parameters of libpq")

// notifyURL takes the parameter channel out of a URL. The rest is as it was, for
// pgx to read.
func notifyURL(s string) (dsn, channel string, err error) {
	dsn, query, _ := strings.Cut(s, "?")
	var rest, channels []string
	for p := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(p, "="); name == "channel" {
			channels = append(channels, value)
		} else if p != "" {
			rest = append(rest, p)
		}
	}
	if len(channels) != 1 {
		return "", "", errors.New("the URL needs the parameter channel, once: the name of one, of letters, digits and _")
	}
	if channel, err = url.QueryUnescape(channels[0]); err != nil {
		return "", "", errors.New("the URL's parameter channel is malformed")
	}
	if len(rest) > 0 {
		dsn += "?" + strings.Join(rest, "&")
	}
	return dsn, channel, nil
}
