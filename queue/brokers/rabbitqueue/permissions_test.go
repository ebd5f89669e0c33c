package rabbitqueue

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/queue"
)

// The patterns in README.md allow what it says, and no more.
func TestPermissions(t *testing.T) {
	u := server(t)
	// The server's own tool creates users.
	_, err := exec.LookPath("rabbitmqctl")
	if host, _, _ := net.SplitHostPort(u.Host); host != "127.0.0.1" && host != "localhost" {
		err = errors.New("the server is not on this machine")
	}
	if err != nil && os.Getenv("FHIRDOCK_TEST_ALL") != "1" {
		t.Skipf("SKIPPED: users cannot be created: %v", err)
	}
	require.NoError(t, err)
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	rows := regexp.MustCompile("(?m)^\\| processes .* \\| `(.*)` \\| `(.*)` \\| `(.*)` \\|$").FindAllStringSubmatch(string(page), -1)
	require.Len(t, rows, 3)
	exchange, name := randomName(), randomName()
	as := func(row []string) *url.URL { return user(t, u, row, exchange, name) }
	t.Cleanup(func() {
		conn, err := amqp.Dial(u.String())
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, onChannel(conn, func(ch *amqp.Channel) error { _, err := ch.QueueDelete(name, false, false, false); return err }))
		require.NoError(t, onChannel(conn, func(ch *amqp.Channel) error { return ch.ExchangeDelete(exchange, false, false) }))
	})

	t.Setenv(serverVariable, as(rows[0]).String())
	passes(t, exchange, name) // declares
	worker := as(rows[2])
	t.Setenv(serverVariable, worker.String())
	passes(t, exchange, name)
	_, err = queue.OpenSubscription(t.Context(), "rabbit://"+name+"-other?exchange="+exchange, nil)
	require.ErrorContains(t, err, "ACCESS_REFUSED")
	require.NotContains(t, err.Error(), "s3cret")

	t.Setenv(serverVariable, as(rows[1]).String())
	publisher, err := queue.OpenPublisher(t.Context(), "rabbit://"+exchange, nil)
	require.NoError(t, err)
	require.NoError(t, publisher.Publish(t.Context(), queue.Message{JobID: "job"}))
	require.NoError(t, publisher.Shutdown(t.Context()))
	_, err = queue.OpenSubscription(t.Context(), "rabbit://"+name+"?exchange="+exchange, nil)
	require.ErrorContains(t, err, "ACCESS_REFUSED")
}

// user creates a user with the patterns of a row for the duration of a test.
func user(t *testing.T, server *url.URL, row []string, exchange, name string) *url.URL {
	t.Helper()
	control := func(args ...string) {
		out, err := exec.Command("rabbitmqctl", args...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	who := randomName()
	control("add_user", who, "s3cret")
	t.Cleanup(func() { control("delete_user", who) })
	args := []string{"set_permissions", who}
	for _, pattern := range row[1:] {
		// The bar is escaped in a Markdown table.
		args = append(args, strings.NewReplacer(`\|`, "|", "EXCHANGE", exchange, "QUEUE", name).Replace(pattern))
	}
	control(args...)
	u := *server
	u.User = url.UserPassword(who, "s3cret")
	return &u
}

// passes sends and receives a wake-up.
func passes(t *testing.T, exchange, name string) {
	t.Helper()
	publisher, err := queue.OpenPublisher(t.Context(), "rabbit://"+exchange+"?queue="+name, nil)
	require.NoError(t, err)
	wakeUps, err := queue.OpenSubscription(t.Context(), "rabbit://"+name+"?exchange="+exchange, nil)
	require.NoError(t, err)
	require.NoError(t, publisher.Publish(t.Context(), queue.Message{JobID: "job"}))
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	got := 0
	require.NoError(t, must(queue.NewConsumer(wakeUps, &queue.ConsumerOptions{Logger: slog.New(slog.DiscardHandler)})).Run(ctx, func(context.Context, queue.Message) {
		got++
		stop()
	}))
	require.Equal(t, 1, got)
	require.NoError(t, publisher.Shutdown(t.Context()))
}
