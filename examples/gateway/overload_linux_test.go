package main

import (
	"context"
	"flag"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	overloadFor     = flag.Duration("overload", 500*time.Millisecond, "how long TestOverload sends; the rate is checked from 20s")
	overloadClients = flag.Int("overload-clients", 32, "clients that send as fast as they can")
	overloadArgs    = flag.String("overload-args", "", "additional flags of the gateway, separated by spaces")
)

// Under overload a gateway keeps working, at 0.6 or more of its rate without requests.
// Senders get a 202 within three times the p99 of a gateway with one occasional sender, or
// a 503 or 429 with Retry-After. On two or more processors the gateway runs on one of them
// and the senders on another. The long form takes two to three times -overload:
//
//	go -C examples test ./gateway -run Overload -v -overload 3m -timeout 20m
func TestOverload(t *testing.T) {
	data := t.TempDir()
	store, waiting := oneWaits(t, data)
	queueUp(t, store, waiting, max(500, int(2000*overloadFor.Seconds())))
	cpus := pin(t)
	args := append([]string{"-token", "quiet=quiet", "-token", "loud=loud"}, strings.Fields(*overloadArgs)...)
	p, quiet := gateway(t, filepath.Join(t.TempDir(), "data"), args...)
	times := map[string][]time.Duration{}
	newSender(quiet.Base, "quiet").nowAndThen(t, max(*overloadFor/3, 200*time.Millisecond), times, "Bundles", "uploads")
	alike := times["Bundles"]
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.Exit(t, time.Minute))

	began := time.Now()
	_, c := gateway(t, data, args...)
	onProcessor(t, cpus, len(cpus)-1)
	alone := watchFinished(t, c.Base, began, 1<<30, *overloadFor, func(int) {})

	var requests tally
	loud := newSender(c.Base, "loud")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var senders sync.WaitGroup
	for range *overloadClients {
		senders.Go(func() { requests.send(ctx, loud, "Bundles") })
	}
	before := alone.finished
	began = time.Now()
	spent := used(t)
	under := watchFinished(t, c.Base, began, 1<<30, *overloadFor, func(int) {})
	long := time.Since(began)
	share := float64(used(t)-spent) / float64(long)
	stop()
	senders.Wait()
	require.Empty(t, requests.wrong.Load(), "wrong response")
	require.Positive(t, requests.accepted.Load())
	worked := float64(under.finished-before) / long.Seconds()
	quiet99, loud99 := ms(quantile(alike, 0.99)), ms(requests.quantile(0.99))
	t.Logf("without requests %.0f jobs/s; with %d clients %.0f jobs/s (%.2f), longest time without one %s", alone.rate(), *overloadClients, worked, worked/alone.rate(), under.gap.Round(time.Millisecond))
	t.Logf("accepted %.0f a second, %d with 429, %d with 503; p99 of a 202 %.1f ms, %.1f ms with one sender; the senders took %.0f%% of a processor, %d processors",
		float64(requests.accepted.Load())/long.Seconds(), requests.limited.Load(), requests.unavailable.Load(), loud99, quiet99, 100*share, len(cpus))
	require.Greater(t, under.finished, before)
	if *overloadFor >= 20*time.Second {
		require.Greater(t, worked, 0.6*alone.rate())
		require.Less(t, loud99, 3*quiet99)
	}
}
