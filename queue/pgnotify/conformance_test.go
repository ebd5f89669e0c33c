package pgnotify_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"
	"gocloud.dev/pubsub/drivertest"

	"github.com/fhirdock/fhirdock/queue/pgnotify"
)

// harness is for Go CDK's suite. Channels always exist, so a nonexistent topic is in a
// nonexistent database.
type harness struct {
	*server
	t *testing.T
}

const noDatabase = "fhirdock_no_such_database"

func (h *harness) CreateTopic(context.Context, string) (driver.Topic, func(), error) {
	d, err := pgnotify.TopicForTest(h.db, h.channel)
	return d, func() {}, err
}

func (h *harness) MakeNonexistentTopic(context.Context) (driver.Topic, error) {
	config := h.config(h.t)
	config.Database = noDatabase
	db := stdlib.OpenDB(*config)
	h.t.Cleanup(func() { _ = db.Close() })
	return pgnotify.TopicForTest(db, h.channel)
}

func (h *harness) CreateSubscription(ctx context.Context, _ driver.Topic, _ string) (driver.Subscription, func(), error) {
	d, err := pgnotify.SubscriptionForTest(ctx, h.config(h.t), h.channel, nil)
	if err != nil {
		return nil, nil, err
	}
	return d, func() { _ = d.Close() }, nil // in case the suite does not
}

// MakeNonexistentSubscription returns a subscription that broke with the error of opening
// one, because opening fails and not Receive.
func (h *harness) MakeNonexistentSubscription(ctx context.Context) (driver.Subscription, func(), error) {
	config := h.config(h.t)
	config.Database = noDatabase
	_, err := pgnotify.SubscriptionForTest(ctx, config, h.channel, nil)
	if err == nil {
		return nil, nil, errors.New("the nonexistent database exists")
	}
	return pgnotify.BrokenForTest(err), func() {}, nil
}

func (*harness) Close()                              {}
func (*harness) MaxBatchSizes() (int, int)           { return 0, 0 }
func (*harness) SupportsMultipleSubscriptions() bool { return true }

// TestConformance is Go CDK's own suite. It skips TestNack, because there is no redelivery.
func TestConformance(t *testing.T) {
	drivertest.RunConformanceTests(t, func(_ context.Context, t *testing.T) (drivertest.Harness, error) {
		return &harness{server: newServer(t), t: t}, nil
	}, []drivertest.AsTest{asTest{}})
}

type asTest struct{}

func (asTest) Name() string { return "pgx" }

func (asTest) TopicCheck(topic *pubsub.Topic) error {
	var db *sql.DB
	if !topic.As(&db) || db == nil {
		return errors.New("no database")
	}
	return nil
}

func (asTest) SubscriptionCheck(sub *pubsub.Subscription) error {
	var conn *pgx.Conn
	if sub.As(&conn) {
		return errors.New("the connection is being read")
	}
	return nil
}

func (asTest) TopicErrorCheck(topic *pubsub.Topic, err error) error { return isPg(topic.ErrorAs, err) }

func (asTest) SubscriptionErrorCheck(sub *pubsub.Subscription, err error) error {
	return isPg(sub.ErrorAs, err)
}

func isPg(as func(error, any) bool, err error) error {
	var e *pgconn.PgError
	var c *pgconn.ConnectError
	var s string
	if !as(err, &e) || e.Code != "3D000" || !as(err, &c) || as(err, &s) {
		return errors.New("ErrorAs does not return the PgError")
	}
	return nil
}

func (asTest) MessageCheck(m *pubsub.Message) error {
	var n *pgconn.Notification
	if !m.As(&n) || n.PID == 0 {
		return errors.New("no notification")
	}
	return nil
}

func (asTest) BeforeSend(as func(any) bool) error { return isNothing(as) }
func (asTest) AfterSend(as func(any) bool) error  { return isNothing(as) }

func isNothing(as func(any) bool) error {
	var s string
	if as(&s) {
		return errors.New("As must not support anything")
	}
	return nil
}
