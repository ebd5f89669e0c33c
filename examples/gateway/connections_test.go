//go:build unix

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
)

// The long form: go test ./gateway -run TestIntruders -intruders 1100 -descriptors 1024
var (
	intruders = flag.Int("intruders", 280, "connections of clients that never authenticate")
	files     = flag.Int("descriptors", 256, "files and connections that the gateway may have open")
)

// limited starts the program with a limit on file descriptors.
func limited(t *testing.T, data string, most int, args ...string) (*proctest.Process, *frontdoor.Client) {
	t.Helper()
	p := proctest.Start(t, "/bin/sh", append([]string{"-c", `ulimit -n "$0" && exec "$@"`, fmt.Sprint(most), binary, "-addr", "127.0.0.1:0", "-data", data}, args...)...)
	url := p.Wait(t, `msg=listening url=(http://[0-9.:]+)`)[1]
	return p, &frontdoor.Client{Base: url, Token: "dev"}
}

// hold sends a request's head and keeps the connection open until the server closes it.
func hold(ctx context.Context, addr, head, dribble string) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_, _ = io.WriteString(conn, head)
	for dribble != "" && ctx.Err() == nil {
		time.Sleep(200 * time.Millisecond)
		if _, err := io.WriteString(conn, dribble); err != nil {
			return
		}
	}
	_, _ = io.Copy(io.Discard, conn)
}

// More intruders than the process has descriptors announce bodies and don't send them, or
// send no request at all, and reconnect half a second after they are cut off. Good clients
// are served all the same.
func TestIntrudersDoNotKeepClientsOut(t *testing.T) {
	p, client := limited(t, t.TempDir(), *files)
	addr := strings.TrimPrefix(client.Base, "http://")
	heads := []struct{ head, dribble string }{
		{"POST /v1/ingestion/fhir/Bundle HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", ""},
		{"POST /v1/ingestion/fhir/Bundle HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", " "},
		{"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", ""},
		{"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
		{"PUT /v1/objects/k HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", ""},
		{"", ""},
		{"GET /healthz HTTP/1.1\r\nHost: x\r\n", "X: y\r\n"},
	}
	attack, stop := context.WithCancel(t.Context())
	var came atomic.Int64
	var all sync.WaitGroup
	for i := range *intruders {
		all.Go(func() {
			for attack.Err() == nil {
				came.Add(1)
				hold(attack, addr, heads[i%len(heads)].head, heads[i%len(heads)].dribble)
				time.Sleep(500 * time.Millisecond) // the load generator shares the processors
			}
		})
	}
	defer func() { stop(); all.Wait() }()
	time.Sleep(time.Second)

	client.HTTP = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	var took []time.Duration
	for i := range 100 {
		began := time.Now()
		_, err := client.PostBundle(t.Context(), bundle(fmt.Sprint(i)), -1)
		took = append(took, time.Since(began))
		require.NoError(t, err)
	}
	slices.Sort(took)
	p99 := took[98]
	t.Logf("%d intruders against %d descriptors connected %d times; a good client waited for %s (median) and %s (p99)",
		*intruders, *files, came.Load(), took[49].Round(time.Millisecond), p99.Round(time.Millisecond))
	require.Less(t, p99, 2*time.Second)
	require.Contains(t, p.Stderr.String(), `level=WARN msg="connection limit reached`)
	require.NotContains(t, p.Stderr.String(), "too many open files")
	require.Less(t, strings.Count(p.Stderr.String(), "level=WARN"), 20, "warnings are limited")

	// They don't delay the shutdown either.
	began := time.Now()
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.Exit(t, 15*time.Second))
	t.Logf("the process ended %s after SIGTERM", time.Since(began).Round(time.Millisecond))
}
