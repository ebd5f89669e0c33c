//go:build unix

package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Requests that arrive during the drain on connections opened earlier are answered, and
// the response is the last on its connection.
func TestDrainAnswersLateRequests(t *testing.T) {
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
	require.Eventually(t, func() bool { // it accepts no new connections
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

// Requests whose bodies don't arrive in time are answered, and the process ends.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	p, c := gateway(t, t.TempDir(), "-drain-timeout", "300ms")
	ticket, err := c.UploadURL(t.Context(), "application/fhir+ndjson", 0)
	require.NoError(t, err)
	answers := make(chan *http.Response, 2)
	var bodies []*io.PipeWriter
	for method, url := range map[string]string{"POST": c.Base + "/v1/ingestion/fhir/Bundle", "PUT": ticket.UploadURL} {
		r, w := io.Pipe()
		bodies = append(bodies, w)
		req, err := http.NewRequestWithContext(t.Context(), method, url, r)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer dev")
		req.Header.Set("Content-Type", "application/fhir+ndjson")
		if method == "POST" {
			req.Header.Set("Content-Type", "application/fhir+json")
		}
		req.ContentLength = 33 << 20
		go func() {
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Errorf("%s: %v", method, err)
			}
			answers <- resp
		}()
		_, err = w.Write(bytes.Repeat([]byte{' '}, 32<<20)) // more than all buffers on the way
		require.NoError(t, err)
	}
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.Exit(t, 20*time.Second))
	for _, w := range bodies {
		_ = w.Close() // or a client with a broken connection would wait for the rest
	}
	for range 2 {
		resp := <-answers
		require.NotNil(t, resp)
		require.Equal(t, 503, resp.StatusCode, resp.Request.Method)
		require.NotEmpty(t, resp.Header.Get("Retry-After"))
		require.NoError(t, resp.Body.Close())
	}
}

// Unread bodies don't delay the shutdown, whether they arrive or not.
func TestDrainDoesNotWaitForUnreadBodies(t *testing.T) {
	t.Parallel()
	p, c := gateway(t, t.TempDir(), "-drain-timeout", "10m")
	for _, head := range []string{"POST /v1/ingestion/fhir/Bundle", "GET /healthz", "PUT /v1/objects/k", "DELETE /metrics", "GET /nowhere"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(c.Base, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, head+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
		require.NoError(t, err)
		_, err = http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
	}
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.Exit(t, 15*time.Second))
}

// An idle connection does not delay the shutdown.
func TestDrainIdleConnection(t *testing.T) {
	t.Parallel()
	p, c := gateway(t, t.TempDir())
	status, _ := get(t, c.Base+"/healthz") // keeps the connection
	require.Equal(t, 200, status)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.Exit(t, 10*time.Second))
}
