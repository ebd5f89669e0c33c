package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

var (
	floodFor     = flag.Duration("flood", 300*time.Millisecond, "duration of each part of the flood test; times are checked from 5s")
	floodClients = flag.Int("flood-clients", 64, "clients of one organization that flood the gateway")
	floodArgs    = flag.String("flood-args", "", "additional flags of the flooded gateway, separated by spaces")
)

// One organization floods the gateway with Bundles, or with uploads of 1 MB, as fast as
// they are accepted, while another sends one of each now and then. The second one is never
// refused, and with -flood 10s its p99 stays within 3 times its value without the flood.
// On two or more processors the gateway runs on one of them and the senders on another.
//
//	go -C examples test ./gateway -run AFlood -v -flood 10s
func TestAFloodOfOneOrganization(t *testing.T) {
	for _, kind := range []string{"Bundles", "uploads"} {
		t.Run(kind, func(t *testing.T) { testFlood(t, kind) })
	}
}

func testFlood(t *testing.T, kind string) {
	cpus := pin(t)
	alone, beside := map[string][]time.Duration{}, map[string][]time.Duration{}
	var flood tally
	began, spent := time.Now(), used(t)
	for range 3 { // alternate, since the machine's speed varies
		onProcessor(t, cpus, 0)
		args := append([]string{"-token", "loud=loud", "-token", "quiet=quiet"}, strings.Fields(*floodArgs)...)
		p, client := gateway(t, filepath.Join(t.TempDir(), "data"), args...) // without the backlog of the last flood
		onProcessor(t, cpus, len(cpus)-1)
		loud, quiet := newSender(client.Base, "loud"), newSender(client.Base, "quiet")
		quiet.nowAndThen(t, *floodFor, alone, "Bundles", "uploads")
		if kind == "uploads" {
			loud.sign(t, int(100*floodFor.Seconds()))
		}
		ctx, stop := context.WithCancel(t.Context())
		var senders sync.WaitGroup
		for range *floodClients {
			senders.Go(func() { flood.send(ctx, loud, kind) })
		}
		time.Sleep(*floodFor / 10)
		quiet.nowAndThen(t, *floodFor, beside, "Bundles", "uploads")
		stop()
		senders.Wait()
		require.NoError(t, p.Process.Kill())
	}
	share := float64(used(t)-spent) / float64(time.Since(began))
	for _, sent := range []string{"Bundles", "uploads"} {
		for _, line := range []struct {
			name  string
			times []time.Duration
		}{{"alone", alone[sent]}, {"during the flood", beside[sent]}} {
			t.Logf("%s %-17s %4d requests, p50 %7.2f ms, p99 %7.2f ms", sent, line.name, len(line.times), ms(quantile(line.times, 0.5)), ms(quantile(line.times, 0.99)))
		}
	}
	t.Logf("flood: %d accepted (%.0f a second), %d with 429, %d with 503; the senders took %.0f%% of a processor, %d processors",
		flood.accepted.Load(), float64(flood.accepted.Load())/(3.3*floodFor.Seconds()), flood.limited.Load(), flood.unavailable.Load(), 100*share, len(cpus))
	require.Positive(t, flood.accepted.Load(), "the flood is served too")
	require.Empty(t, flood.wrong.Load(), "wrong response to the flood")
	if *floodFor >= 5*time.Second {
		for sent := range alone {
			require.Less(t, ms(quantile(beside[sent], 0.99)), 3*ms(quantile(alone[sent], 0.99)), "p99 of %s in ms", sent)
		}
	}
}

var (
	floodBundle = fhirgen.New(nil).AppendBundle(nil, "transaction", 8)
	floodUpload = sync.OnceValue(func() []byte {
		var b bytes.Buffer
		_, _ = fhirgen.New(nil).WriteNDJSON(&b, 1<<20) // never fails
		return b.Bytes()
	})
)

// sender sends an organization's Bundles and uploads.
type sender struct {
	client  *frontdoor.Client
	tickets chan *frontdoor.Ticket // signed in advance
}

func newSender(base, token string) *sender {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}, Timeout: time.Minute}
	return &sender{client: &frontdoor.Client{Base: base, Token: token, HTTP: c}, tickets: make(chan *frontdoor.Ticket, 100_000)}
}

// sign requests n upload URLs, however long that takes.
func (s *sender) sign(t *testing.T, n int) {
	t.Helper()
	var asking errgroup.Group
	for range 4 {
		asking.Go(func() error {
			for len(s.tickets) < n {
				ticket, err := s.client.UploadURL(t.Context(), "application/fhir+ndjson", 0)
				switch {
				case err == nil:
					s.tickets <- ticket
				case !isBusy(err):
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, asking.Wait())
}

func isBusy(err error) bool {
	refusal, ok := errors.AsType[*frontdoor.Refusal](err)
	return ok && (refusal.Status == http.StatusTooManyRequests || refusal.Status == http.StatusServiceUnavailable)
}

// request returns a request of a kind, or nil if there are no more.
func (s *sender) request(ctx context.Context, kind string) (*http.Request, error) {
	if kind == "Bundles" {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.client.Base+"/v1/ingestion/fhir/Bundle", bytes.NewReader(floodBundle))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+s.client.Token)
		req.Header.Set("Content-Type", "application/fhir+json")
		return req, nil
	}
	var ticket *frontdoor.Ticket
	select {
	case ticket = <-s.tickets:
	default:
		var err error
		if ticket, err = s.client.UploadURL(ctx, "application/fhir+ndjson", 0); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, ticket.Method, ticket.UploadURL, bytes.NewReader(floodUpload()))
	if err != nil {
		return nil, err
	}
	for name, value := range ticket.Headers {
		req.Header.Set(name, value)
	}
	return req, nil
}

// do sends a request and reads the response.
func (s *sender) do(req *http.Request) (*http.Response, error) {
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		req.Body = body
	}
	resp, err := s.client.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp, err
}

// nowAndThen sends one request of each kind every 50 ms and records how long each took.
func (s *sender) nowAndThen(t *testing.T, long time.Duration, times map[string][]time.Duration, kinds ...string) {
	t.Helper()
	const pause = 50 * time.Millisecond
	if slices.Contains(kinds, "uploads") {
		s.sign(t, int(long/pause)+1)
	}
	for end := time.Now().Add(long); time.Now().Before(end); {
		next := time.Now().Add(pause)
		for _, kind := range kinds {
			req, err := s.request(t.Context(), kind)
			require.NoError(t, err)
			began := time.Now()
			resp, err := s.do(req)
			require.NoError(t, err)
			require.Equal(t, 2, resp.StatusCode/100, "%s of the quiet organization: %s", kind, resp.Status)
			times[kind] = append(times[kind], time.Since(began))
		}
		time.Sleep(time.Until(next))
	}
}

// tally counts the responses to a flood.
type tally struct {
	accepted, limited, unavailable atomic.Int64
	wrong                          atomic.Value // string

	mu    sync.Mutex
	times []time.Duration // of accepted requests
}

// took records how long it took until a request was accepted.
func (f *tally) took(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.times = append(f.times, d)
}

func (f *tally) quantile(q float64) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return quantile(f.times, q)
}

// send sends one request after another, and retries a refused one after 20 ms, whatever
// Retry-After says.
func (f *tally) send(ctx context.Context, s *sender, kind string) {
	f.wrong.CompareAndSwap(nil, "")
	var req *http.Request
	for ctx.Err() == nil {
		var resp *http.Response
		var err error
		if req == nil {
			req, err = s.request(ctx, kind)
		}
		if isBusy(err) { // no URL
			time.Sleep(20 * time.Millisecond)
			continue
		}
		began := time.Now()
		if err == nil {
			resp, err = s.do(req)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			f.wrong.Store(err.Error())
			return
		case resp.StatusCode/100 == 2:
			f.accepted.Add(1)
			f.took(time.Since(began))
			req = nil
			continue
		case resp.StatusCode == http.StatusTooManyRequests:
			f.limited.Add(1)
		case resp.StatusCode == http.StatusServiceUnavailable:
			f.unavailable.Add(1)
		default:
			f.wrong.Store(resp.Status)
		}
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || seconds < 1 {
			f.wrong.Store(resp.Status + " with Retry-After " + resp.Header.Get("Retry-After"))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func quantile(times []time.Duration, q float64) time.Duration {
	times = slices.Sorted(slices.Values(times))
	return times[int(q*float64(len(times)-1))]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// used returns the processor time that this process has used.
func used(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// pin makes processes started by this test run on the first of its processors, and returns
// all of them.
func pin(t *testing.T) (cpus []int) {
	t.Helper()
	var all unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &all))
	for cpu := range 1024 {
		if all.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	t.Cleanup(func() { eachThread(t, &all) })
	runtime.LockOSThread() // a process inherits the processors of the thread that starts it
	t.Cleanup(runtime.UnlockOSThread)
	onProcessor(t, cpus, 0)
	return cpus
}

// onProcessor moves this process to one of its processors.
func onProcessor(t *testing.T, cpus []int, i int) {
	t.Helper()
	var one unix.CPUSet
	one.Set(cpus[i])
	eachThread(t, &one)
}

func eachThread(t *testing.T, set *unix.CPUSet) {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		require.NoError(t, err)
		if err := unix.SchedSetaffinity(id, set); err != nil && err != unix.ESRCH {
			require.NoError(t, fmt.Errorf("thread %d: %w", id, err))
		}
	}
}
