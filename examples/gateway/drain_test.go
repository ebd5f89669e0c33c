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

// Requests whose bodies have not come in time are answered, and the process ends.
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
		_, err = w.Write(bytes.Repeat([]byte{' '}, 32<<20)) // more than any buffer on the way holds
		require.NoError(t, err)
	}
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.Exit(t, 20*time.Second))
	for _, w := range bodies {
		_ = w.Close() // or a client whose connection broke would wait for the rest
	}
	for range 2 {
		resp := <-answers
		require.NotNil(t, resp)
		require.Equal(t, 503, resp.StatusCode, resp.Request.Method)
		require.NotEmpty(t, resp.Header.Get("Retry-After"))
		require.NoError(t, resp.Body.Close())
	}
}

// Bodies that nobody reads don't keep the process, whether they come or not.
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

// A connection that nothing comes on does not keep the process.
func TestDrainIdleConnection(t *testing.T) {
	t.Parallel()
	p, c := gateway(t, t.TempDir())
	status, _ := get(t, c.Base+"/healthz") // whose connection is kept
	require.Equal(t, 200, status)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.Exit(t, 10*time.Second))
}
