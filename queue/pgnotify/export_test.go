package pgnotify

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5"
	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub/driver"
)

// TopicForTest opens the driver of a topic.
func TopicForTest(db *sql.DB, channel string) (driver.Topic, error) {
	return newTopic(db, channel, nil)
}

// SubscriptionForTest opens the driver of a subscription.
func SubscriptionForTest(ctx context.Context, config *pgx.ConnConfig, channel string, opts *SubscriptionOptions) (driver.Subscription, error) {
	s, err := newSubscription(ctx, config, channel, opts)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// BrokenForTest returns the driver of a subscription that broke with an error.
func BrokenForTest(err error) driver.Subscription {
	s := &subscription{stop: func() {}, broken: make(chan struct{}), ended: make(chan struct{}), err: err}
	close(s.broken)
	close(s.ended)
	return s
}

// WaitingForTest returns how many messages are in the buffer.
func WaitingForTest(s driver.Subscription) int { return len(s.(*subscription).waiting) }

// SQLStateForTest exports sqlState.
func SQLStateForTest(code string) gcerrors.ErrorCode { return sqlState(code) }
