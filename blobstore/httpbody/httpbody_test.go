package httpbody_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore/httpbody"
)

// serve serves a handler with limits. change may modify the server before it starts.
func serve(t *testing.T, limits httpbody.Limits, change func(*httptest.Server), next http.HandlerFunc) *httptest.Server {
	t.Helper()
	h, err := httpbody.NewHandler(next, limits)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(h)
	if change != nil {
		change(server)
	}
	if server.EnableHTTP2 {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server
}

// dial sends the head of a request.
func dial(t *testing.T, server *httptest.Server, head string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(15*time.Second)))
	_, err = fmt.Fprintf(conn, "%s\r\nHost: x\r\n\r\n", head)
	require.NoError(t, err)
	return conn
}

func TestInvalidOptions(t *testing.T) {
	for _, l := range []httpbody.Limits{{Stall: -1}, {MinRate: -1}, {Timeout: -1}, {TimeoutRate: -1}, {Refused: -1}, {Answer: -1}} {
		_, err := httpbody.NewHandler(http.NotFoundHandler(), l)
		require.Error(t, err)
	}
	_, err := httpbody.NewHandler(nil, httpbody.Limits{})
	require.Error(t, err)
}

// An answer too long to be buffered does not wait for a body that the handler doesn't read.
func TestLongAnswerDoesNotWaitForTheBody(t *testing.T) {
	answer := strings.Repeat("x", 1<<20)
	server := serve(t, httpbody.Limits{}, nil, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) })
	conn := dial(t, server, "GET / HTTP/1.1\r\nContent-Length: 100")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.True(t, resp.Close)
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, answer, string(got))
}

// Server.WriteTimeout starts with the request, but does not interrupt the answer to a body
// that took longer.
func TestWriteTimeoutDoesNotCutTheAnswerToALongUpload(t *testing.T) {
	server := serve(t, httpbody.Limits{}, func(s *httptest.Server) { s.Config.WriteTimeout = 50 * time.Millisecond },
		func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, " ", err)
		})
	r, w := io.Pipe()
	go func() {
		for range 10 {
			time.Sleep(20 * time.Millisecond)
			_, _ = io.WriteString(w, "0123456789")
		}
		_ = w.Close()
	}()
	resp, err := server.Client().Post(server.URL, "text/plain", r)
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "100 <nil>", string(got))
}

// A client that does not read a long answer is cut off, however large the writes are; one
// that reads slowly is not.
func TestUnreadAnswerEnds(t *testing.T) {
	ended := make(chan error, 1)
	server := serve(t, httpbody.Limits{Answer: 200 * time.Millisecond}, nil, func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, 64<<20))
		ended <- err
	})
	conn := dial(t, server, "GET / HTTP/1.1")
	r, slow := bufio.NewReader(conn), make([]byte, 1<<20)
	for range 20 { // twice as long as a write may take
		_, err := io.ReadFull(r, slow)
		require.NoError(t, err)
		time.Sleep(20 * time.Millisecond)
	}
	select {
	case err := <-ended:
		t.Fatal("cut off while the client reads: ", err)
	default:
	}
	select {
	case err := <-ended:
		require.Error(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("not cut off")
	}
}

// A connection whose body was read completely is reused, even after a pause longer than
// every limit.
func TestConnectionIsUsedAgain(t *testing.T) {
	server := serve(t, httpbody.Limits{Stall: 500 * time.Millisecond, Refused: time.Millisecond, Answer: 500 * time.Millisecond}, nil,
		func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(600 * time.Millisecond) // time after the body does not count
			fmt.Fprint(w, r.RemoteAddr, r.Context().Err())
		})
	var addresses []string
	for range 3 {
		resp, err := server.Client().Post(server.URL, "text/plain", strings.NewReader("body"))
		require.NoError(t, err)
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		addresses = append(addresses, string(got))
		time.Sleep(600 * time.Millisecond)
	}
	require.Contains(t, addresses[0], "<nil>")
	require.Equal(t, []string{addresses[0], addresses[0], addresses[0]}, addresses)
}

// If a server cancels its base context, requests whose body is being read can still answer.
func TestShutdownIsAnswered(t *testing.T) {
	base, shutdown := context.WithCancel(t.Context())
	reading := make(chan struct{})
	server := serve(t, httpbody.Limits{}, func(s *httptest.Server) { s.Config.BaseContext = func(net.Listener) context.Context { return base } },
		func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadFull(r.Body, make([]byte, 4))
			close(reading)
			_, err := io.Copy(io.Discard, r.Body)
			if errors.Is(err, httpbody.ErrStopped) {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
	conn := dial(t, server, "PUT / HTTP/1.1\r\nContent-Length: 1000000")
	_, err := io.WriteString(conn, "half")
	require.NoError(t, err)
	<-reading
	shutdown()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.True(t, resp.Close)
}

// With nested handlers the inner limits apply, so a body that exceeds the outer ones is read
// completely.
func TestNestedHandlers(t *testing.T) {
	inner, err := httpbody.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, err)
	}), httpbody.Limits{Stall: time.Hour, Refused: time.Hour})
	require.NoError(t, err)
	server := serve(t, httpbody.Limits{Stall: 50 * time.Millisecond}, nil, inner.ServeHTTP)
	conn := dial(t, server, "PUT / HTTP/1.1\r\nContent-Length: 2")
	for range 2 {
		time.Sleep(100 * time.Millisecond)
		_, err = io.WriteString(conn, "x")
		require.NoError(t, err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "<nil>", string(got))
	require.False(t, resp.Close)
}

// With HTTP/2, a body that is refused or stalls ends only its stream.
func TestHTTP2(t *testing.T) {
	server := serve(t, httpbody.Limits{Stall: time.Second}, func(s *httptest.Server) { s.EnableHTTP2 = true },
		func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/read" {
				if _, err := io.Copy(io.Discard, r.Body); errors.Is(err, httpbody.ErrTooSlow) {
					w.WriteHeader(http.StatusRequestTimeout)
				}
			}
			fmt.Fprint(w, r.Proto, r.RemoteAddr)
		})
	silent := func() io.Reader { r, _ := io.Pipe(); return r } // never sends anything
	var first string
	for _, c := range []struct {
		path   string
		body   io.Reader
		status int
	}{
		{"/read", bytes.NewReader(make([]byte, 1<<20)), 200}, {"/read", silent(), 408}, {"/", silent(), 200},
		{"/read", strings.NewReader("body"), 200},
	} {
		resp, err := server.Client().Post(server.URL+c.path, "text/plain", c.body)
		require.NoError(t, err)
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		_ = resp.Body.Close()
		require.Equal(t, c.status, resp.StatusCode)
		if first == "" {
			first = string(got)
		}
		require.Equal(t, first, string(got))
		require.Contains(t, first, "HTTP/2.0")
	}
}
