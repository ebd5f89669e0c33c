//go:build unix

package webserver

import (
	"io"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// All connections that clients made before the listener is closed are accepted.
func TestPendingConnectionsAreAccepted(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	var clients []net.Conn
	for range 5 {
		conn, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		clients = append(clients, conn)
	}
	require.NoError(t, l.(*net.TCPListener).SetDeadline(time.Now()))
	until := newConnections(&untilDeadline{Listener: l}, 2, slog.New(slog.DiscardHandler))
	until.end()
	for range clients {
		conn, err := until.Accept()
		require.NoError(t, err)
		_, err = io.WriteString(conn, "x")
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	_, err = until.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	for _, conn := range clients {
		got, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.Equal(t, "x", string(got))
	}
	_, err = net.Dial("tcp", l.Addr().String())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}
