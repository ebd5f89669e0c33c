//go:build unix

package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Requests that reach a process only when it drains, on connections that it had
// before, are answered, and the answer is the last on its connection.
func TestDrainAnswersWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	p, c := gateway(t, t.TempDir())
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", strings.TrimPrefix(c.Base, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	ask := func(conn net.Conn) *http.Response {
		_, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
		return resp
	}
	used, fresh := dial(), dial()
	require.False(t, ask(used).Close)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.Wait(t, `msg="draining`)
	require.Eventually(t, func() bool { // it takes none any more
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(c.Base, "http://"), 10*time.Millisecond)
		if err == nil {
			conn.Close()
		}
		return err != nil
	}, 5*time.Second, time.Millisecond)
	for _, conn := range []net.Conn{used, fresh} {
		require.True(t, ask(conn).Close)
		_, err := conn.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
	}
	require.Zero(t, p.Exit(t, 20*time.Second))
}

// A connection that nothing comes on does not keep the process.
func TestDrainIdleConnection(t *testing.T) {
	t.Parallel()
	p, c := gateway(t, t.TempDir())
	status, _ := get(t, c.Base+"/healthz") // whose connection is kept
	require.Equal(t, 200, status)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.Exit(t, 10*time.Second))
}

// Connections that clients made before the listener is closed are all taken.
func TestConnectionsThatWaitAreTaken(t *testing.T) {
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
	until := &untilDeadline{Listener: l}
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
