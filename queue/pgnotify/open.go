package pgnotify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/internal/pgurl"
	"github.com/fhirdock/fhirdock/queue"
)

func init() {
	queue.DefaultURLMux().Register("postgres", URLOpener{})
	queue.DefaultURLMux().Register("postgresql", URLOpener{})
}

// URLOpener opens libpq URLs that also have the parameter channel, the name of the
// channel: postgres://USER:PASSWORD@HOST:5432/DATABASE?channel=NAME. The channel need not
// be created. The subscription's URL must lead to the primary, and not through PgBouncer
// in transaction mode. The defaults for connections are those of package
// jobs/sqljobs/pgx, with which package ingest/backends shares them. Importing this package
// registers it with [queue.DefaultURLMux] for postgres:// and postgresql://.
type URLOpener struct{}

// OpenPublisherURL implements [queue.URLOpener].
func (URLOpener) OpenPublisherURL(ctx context.Context, urlstr string, opts *queue.OpenOptions) (*queue.Publisher, error) {
	dsn, channel, err := cutChannel(urlstr)
	if err != nil {
		return nil, err
	}
	db, release, err := pgurl.OpenDB(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("pgnotify: %w", err)
	}
	topic, err := OpenTopic(db, channel, nil)
	if err != nil {
		return nil, errors.Join(err, release())
	}
	start, cancel := context.WithTimeout(ctx, pgurl.StartTimeout)
	defer cancel()
	if err := db.PingContext(start); err != nil && !pgurl.Away(err) { // fail now, not at the first payload
		return nil, errors.Join(fmt.Errorf("pgnotify: %w", err), topic.Shutdown(ctx), release())
	}
	return queue.NewPublisher(topic, &queue.PublisherOptions{Close: release})
}

// OpenSubscriptionURL implements [queue.URLOpener].
func (URLOpener) OpenSubscriptionURL(ctx context.Context, urlstr string, opts *queue.OpenOptions) (queue.Opener, error) {
	dsn, channel, err := cutChannel(urlstr)
	if err != nil {
		return nil, err
	}
	if _, topic, err := cutChannel(opts.Peer); err == nil && topic != channel {
		return nil, errors.New("pgnotify: topic and subscription must have the same channel")
	}
	config, err := pgurl.Parse(dsn)
	if err != nil {
		return nil, fmt.Errorf("pgnotify: %w", err)
	}
	open := func(ctx context.Context) (*pubsub.Subscription, error) {
		return OpenSubscription(ctx, config, channel, &SubscriptionOptions{Logger: opts.Logger})
	}
	start, cancel := context.WithTimeout(ctx, pgurl.StartTimeout)
	defer cancel()
	first, err := open(start) // to report mistakes now
	if err == nil {
		err = first.Shutdown(start)
	}
	if err != nil && !pgurl.Away(err) {
		return nil, err
	}
	return queue.Reopen(open), nil
}

// cutChannel removes the parameter channel from a URL and returns both. It leaves the rest
// unchanged, for pgx to parse.
func cutChannel(urlstr string) (dsn, channel string, err error) {
	dsn, query, _ := strings.Cut(urlstr, "?")
	var rest, channels []string
	for p := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(p, "="); name == "channel" {
			channels = append(channels, value)
		} else if p != "" {
			rest = append(rest, p)
		}
	}
	if len(channels) != 1 {
		return "", "", errors.New("pgnotify: the URL must have one parameter channel, a name of letters, digits and _")
	}
	if channel, err = url.QueryUnescape(channels[0]); err != nil {
		return "", "", errors.New("pgnotify: the URL's parameter channel is malformed")
	}
	if len(rest) > 0 {
		dsn += "?" + strings.Join(rest, "&")
	}
	return dsn, channel, nil
}
