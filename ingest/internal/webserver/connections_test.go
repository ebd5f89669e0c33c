package webserver

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/internal/loglimit"
)

// At the limit, the connection that has been idle for longest is replaced, once it has had
// time to send a request; connections with a request are not.
func TestConnectionLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs bytes.Buffer
		c := newConnections(nil, 2, slog.New(slog.NewTextHandler(&logs, nil)))
		took := func() time.Duration {
			began := time.Now()
			c.makeRoom()
			return time.Since(began)
		}
		opened := func() (conn net.Conn) {
			require.Zero(t, took())
			conn, other := net.Pipe()
			t.Cleanup(func() { _ = conn.Close(); _ = other.Close() })
			c.changed(conn, http.StateNew)
			return conn
		}
		closed := func(conn net.Conn) bool { return conn.SetDeadline(time.Time{}) != nil }
		first, second := opened(), opened()
		require.Equal(t, requestTime, took())
		require.True(t, closed(first))
		require.False(t, closed(second))
		c.changed(first, http.StateClosed) // as the server reports it

		third := opened()
		c.changed(second, http.StateActive)
		c.changed(third, http.StateActive)
		time.AfterFunc(time.Minute, func() { c.changed(third, http.StateIdle) })
		require.Equal(t, time.Minute+requestTime, took())
		require.True(t, closed(third))
		require.False(t, closed(second))

		fourth := opened()
		c.changed(fourth, http.StateActive)
		c.answered(c.named(t.Context(), second))
		require.Equal(t, answerTime, took())
		require.True(t, closed(second))

		fifth := opened()
		c.changed(fifth, http.StateActive)
		time.AfterFunc(time.Hour, func() { c.changed(fifth, http.StateClosed) })
		require.Equal(t, time.Hour, took())
		open, replaced := c.count()
		require.Equal(t, 1, open)
		require.EqualValues(t, 3, replaced)
		require.Equal(t, 4, strings.Count(logs.String(), "level=WARN"), "one warning each time the limit is reached")

		sixth := opened()
		c.changed(sixth, http.StateActive)
		time.AfterFunc(time.Hour, c.end)
		require.Equal(t, time.Hour, took(), "there is no limit while draining")
	})
}

func TestMaxConnections(t *testing.T) {
	limit := descriptors()
	if limit == 0 {
		t.Skip("SKIPPED: the system has no limit on open files")
	}
	n, err := MaxConnections(0)
	require.NoError(t, err)
	require.LessOrEqual(t, n, limit/2)
	n, err = MaxConnections(7)
	require.NoError(t, err)
	require.Equal(t, 7, n)
	_, err = MaxConnections(limit)
	require.ErrorContains(t, err, "must be less than")
}

// What net/http logs is logged at WARN, but at a limited rate.
func TestServerLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs bytes.Buffer
		s := &serverLog{log: slog.New(slog.NewTextHandler(&logs, nil))}
		for i := range 1000 {
			fmt.Fprintf(s, "http: Accept error: %d\n", i)
		}
		require.Equal(t, loglimit.PerMinute, strings.Count(logs.String(), "level=WARN"))
		require.Equal(t, loglimit.PerMinute, strings.Count(logs.String(), "\n"))
		time.Sleep(time.Minute)
		fmt.Fprintln(s, "http: the next")
		require.Contains(t, logs.String(), `level=WARN msg="http: the next" suppressed=990`)
	})
}
