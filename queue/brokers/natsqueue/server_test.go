package natsqueue

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/queue"
)

// passes sends and receives a wake-up.
func passes(t *testing.T, server, subject, stream, consumer string) {
	t.Helper()
	opts := &queue.OpenOptions{Logger: slog.New(slog.DiscardHandler)}
	publisher, err := queue.OpenPublisher(t.Context(), fmt.Sprintf("%s/%s?stream=%s", server, subject, stream), opts)
	require.NoError(t, err)
	wakeUps, err := queue.OpenSubscription(t.Context(), fmt.Sprintf("%s/%s?stream=%s&consumer=%s", server, subject, stream, consumer), opts)
	require.NoError(t, err)
	require.NoError(t, publisher.Publish(t.Context(), queue.Message{JobID: "job"}))
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	got := 0
	require.NoError(t, must(queue.NewConsumer(wakeUps, &queue.ConsumerOptions{Logger: opts.Logger})).Run(ctx, func(context.Context, queue.Message) {
		got++
		stop()
	}))
	require.Equal(t, 1, got)
	require.NoError(t, publisher.Shutdown(t.Context()))
}

// sharedServer returns the URL of the server of all tests, and a connection to it.
func sharedServer(t *testing.T) (string, jetstream.JetStream) {
	t.Helper()
	server := cmp.Or(os.Getenv("FHIRDOCK_TEST_NATS"), "nats://127.0.0.1:4222")
	u, err := url.Parse(server)
	require.NoError(t, err)
	conn, err := nats.Connect(server)
	if err != nil && os.Getenv("FHIRDOCK_TEST_ALL") != "1" {
		t.Skipf("SKIPPED: no NATS at %s", u.Host)
	}
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	return server, js
}

func randomName() string { return "fhirdock_" + rand.Text() }

// The stream and the consumer are created as documented.
func TestWhatIsMade(t *testing.T) {
	server, js := sharedServer(t)
	name := randomName()
	defer func() { require.NoError(t, js.DeleteStream(context.WithoutCancel(t.Context()), name)) }()
	passes(t, server, "fhirdock."+name, name, "workers")
	passes(t, strings.Replace(server, "nats://", "nats+js://", 1), "fhirdock."+name, name, "workers")

	stream, err := js.Stream(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, jetstream.WorkQueuePolicy, stream.CachedInfo().Config.Retention)
	require.Equal(t, jetstream.FileStorage, stream.CachedInfo().Config.Storage)
	// The acknowledgement may not have arrived yet.
	require.Eventually(t, func() bool {
		info, err := stream.Info(t.Context())
		return err == nil && info.State.Msgs == 0
	}, 10*time.Second, 10*time.Millisecond, "an acknowledged message is removed")
	consumer, err := js.Consumer(t.Context(), name, "workers")
	require.NoError(t, err)
	config := consumer.CachedInfo().Config
	require.Equal(t, 5*time.Minute, config.AckWait)
	require.Equal(t, jetstream.AckExplicitPolicy, config.AckPolicy)
	require.Equal(t, "workers", config.Durable)
	require.Equal(t, -1, config.MaxDeliver)
}

// The permissions in README.md are sufficient, and no other request is made.
func TestPermissions(t *testing.T) {
	server := newServer(t)
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)```\n(permissions: .*?)```").FindStringSubmatch(string(page))
	require.NotNil(t, found)
	// Replace the placeholders, but no part of JetStream's own subjects.
	permissions := found[1]
	for _, r := range []struct{ pattern, with string }{
		{`"SUBJECT"`, `"the.subject"`}, {`\.STREAM\.CONSUMER`, `.wakeups.workers`}, {`\.STREAM"`, `.wakeups"`},
	} {
		permissions = regexp.MustCompile(r.pattern).ReplaceAllString(permissions, r.with)
	}
	require.NotContains(t, permissions, "$JS.API.wakeups")

	log := filepath.Join(t.TempDir(), "log")
	server.config = fmt.Sprintf("log_file: %q\nauthorization: {users: [{user: admin, password: s3cret}, {user: fhirdock, password: s3cret, %s}]}\n", log, permissions)
	server.start(t)
	for range 2 { // create, then use
		passes(t, "nats://fhirdock:s3cret@"+server.address, "the.subject", "wakeups", "workers")
	}
	// The reason why a subscription broke.
	conn, err := nats.Connect("nats://admin:s3cret@" + server.address)
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	s, err := newSubscription(t.Context(), &address{
		server: "nats://fhirdock:s3cret@" + server.address, subject: "the.subject", name: "wakeups", consumer: "workers", log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, js.DeleteConsumer(t.Context(), "wakeups", "workers"))
	_, err = s.ReceiveBatch(t.Context(), 1)
	require.ErrorIs(t, err, jetstream.ErrConsumerNotFound)

	said, err := os.ReadFile(log)
	require.NoError(t, err)
	require.NotContains(t, strings.ToLower(string(said)), "violation", string(said))

	_, err = queue.OpenPublisher(t.Context(), "nats://fhirdock:s3cret@"+server.address+"/the.subject?stream=other", &queue.OpenOptions{Logger: slog.New(slog.DiscardHandler)})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "s3cret")
}
