package pgnotify_test

import (
	"context"
	"database/sql"
	"fmt"
	"sort"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/pgnotify"
)

func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	url := serverURL() // such as postgres://user:password@host:5432/database

	db, err := sql.Open("pgx", url) // that of the job store will do
	if err != nil {
		panic(err)
	}
	defer db.Close()
	topic, err := pgnotify.OpenTopic(db, "wakeups", nil)
	if err != nil {
		panic(err)
	}
	defer topic.Shutdown(context.Background())
	config, err := pgx.ParseConfig(url)
	if err != nil {
		panic(err)
	}
	publisher, err := queue.NewPublisher(topic, nil)
	if err != nil {
		panic(err)
	}
	subscription := queue.Reopen(func(ctx context.Context) (*pubsub.Subscription, error) {
		sub, err := pgnotify.OpenSubscription(ctx, config, "wakeups", nil)
		if err == nil { // now there is a listener
			err = publisher.Publish(ctx, queue.Message{JobID: "job-1", OrganizationID: "demo"})
		}
		return sub, err
	})
	consumer, err := queue.NewConsumer(subscription, nil)
	if err != nil {
		panic(err)
	}
	err = consumer.Run(ctx, func(_ context.Context, m queue.Message) {
		fmt.Println("look at", m.JobID)
		stop()
	})
	if err != nil {
		panic(err)
	}
}

// If the Example fails, it panics or hangs.
func TestExample(t *testing.T) {
	newServer(t)
	Example()
}

// BenchmarkNotify measures the time from Send to Receive without other load.
func BenchmarkNotify(b *testing.B) {
	s := newServer(b)
	topic, sub := s.topic(b), s.subscription(b, nil)
	defer shutdown(b, sub)
	m := queue.Message{JobID: "0b6e2c1e-1111-4222-8333-444455556666", OrganizationID: "demo", Bucket: "bucket", Key: "incoming/fhir/demo/2030/01/02/0b6e2c1e-1111-4222-8333-444455556666.json"}
	p := must(queue.NewPublisher(topic, nil))
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if err := p.Publish(b.Context(), m); err != nil {
			b.Fatal(err)
		}
		receive(b, sub)
		took = append(took, time.Since(began))
	}
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
