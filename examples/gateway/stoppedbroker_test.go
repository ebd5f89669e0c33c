//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/localserver"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
)

// A gateway starts before its broker, and a broker that stops responding without closing
// connections delays no responses and work only a little.
func TestBrokerThatStops(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("nats-server"); err != nil {
		if os.Getenv("FHIRDOCK_TEST_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: %v", err)
	}
	address, err := localserver.FreeAddress()
	require.NoError(t, err)
	url := "nats://" + address + "/wake.ups?stream=wakeups"
	p := proctest.Start(t, binary, "-addr", "127.0.0.1:0", "-data", t.TempDir(), "-topic", url, "-subscription", url+"&consumer=workers")
	c := &frontdoor.Client{Base: p.Wait(t, `msg=listening url=(http://[0-9.:]+)`)[1], Token: "dev"}
	accepted := func() {
		t.Helper()
		began := time.Now()
		_, err := c.PostBundle(t.Context(), bundle("x"), -1)
		require.NoError(t, err)
		require.Less(t, time.Since(began), 3*time.Second)
	}
	accepted()
	becomesReady(t, c.Base, 200, "ready", "degraded", "queue")

	host, port := address[:len("127.0.0.1")], address[len("127.0.0.1:"):]
	server, err := localserver.Start(t.Context(), address, nil, "nats-server", "-a", host, "-p", port, "-js", "-sd", filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = server.Signal(syscall.SIGCONT)
		require.NoError(t, server.Stop())
	})
	completes := func() {
		t.Helper()
		receipt, err := c.PostBundle(t.Context(), bundle("x"), -1)
		require.NoError(t, err)
		require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)
	}
	completes()
	require.Eventually(t, func() bool {
		_, body := get(t, c.Base+"/readyz")
		return !strings.Contains(body, "queue")
	}, 20*time.Second, 100*time.Millisecond, "the subscription is open")
	_, metrics := get(t, c.Base+"/metrics")
	require.Regexp(t, `subscription_changes_total\{state="lost"\} 1\b`, metrics)
	require.Regexp(t, `subscription_changes_total\{state="open"\} 1\b`, metrics)
	require.Equal(t, 1, strings.Count(p.Stderr.String(), "no subscription;"), "one warning")
	require.NoError(t, server.Signal(syscall.SIGSTOP))
	for range 5 {
		accepted()
	}
	require.NoError(t, server.Signal(syscall.SIGCONT))
	completes()
}
