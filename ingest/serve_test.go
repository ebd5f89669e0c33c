package ingest_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

func quietService(t *testing.T, sub bool) *ingest.Service {
	t.Helper()
	topic, subscription := local(nil)
	back := ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()}
	if sub {
		back.Subscription = queue.Static(subscription)
	}
	return must(ingest.New(back, &ingest.Options{NoUploads: true, Logger: slog.New(slog.DiscardHandler)}))
}

// Serve answers, processes, and ends without cutting a request in progress.
func TestServe(t *testing.T) {
	svc := quietService(t, true)
	began, goOn := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.Handle("/v1/", must(httpapi.New(svc, must(auth.ParseTokens("dev=demo")), nil)))
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-goOn
		_, _ = io.WriteString(w, "whole")
	})
	handled := make(chan string, 1)
	handler := ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error { handled <- b.Resources[0].Type; return nil })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- ingest.Serve(ctx, svc, &http.Server{Handler: mux}, handler, &ingest.ServeOptions{Listener: listener, NoSignals: true})
	}()
	base := "http://" + listener.Addr().String()
	req, err := http.NewRequest("POST", base+"/v1/ingestion/fhir/Bundle", strings.NewReader(small))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer dev")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 202, resp.StatusCode)
	require.Equal(t, "Patient", <-handled)

	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get(base + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		answer <- string(body)
	}()
	<-began
	stop()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, 10*time.Second, time.Millisecond, "it stops listening")
	close(goOn)
	require.Equal(t, "whole", <-answer)
	require.NoError(t, <-ended)
}

// With a Health, probes show that a queue is lost, and that the Server drains while a
// request is still in progress.
func TestServeWithHealth(t *testing.T) {
	topic, sub := local(nil)
	defer sub.Shutdown(context.Background())
	svc := must(ingest.New(ingest.Backends{
		Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore(),
		Subscription: queue.Reopen(func(context.Context) (*pubsub.Subscription, error) { return nil, errors.New("no such queue") }),
	}, &ingest.Options{NoUploads: true, Logger: slog.New(slog.DiscardHandler)}))
	health := must(httpapi.NewHealth(svc, nil))
	probe := func() string {
		w := httptest.NewRecorder()
		health.Ready().ServeHTTP(w, httptest.NewRequest("GET", httpapi.ReadyPath, nil))
		return strings.TrimSpace(w.Body.String())
	}
	began, goOn := make(chan struct{}), make(chan struct{})
	slow := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(began)
		<-goOn
	})
	handler := ingest.HandlerFunc(func(context.Context, *ingest.Batch) error { return nil })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- ingest.Serve(ctx, svc, &http.Server{Handler: slow}, handler, &ingest.ServeOptions{Listener: listener, NoSignals: true, Health: health})
	}()
	require.Eventually(t, func() bool { return probe() == `{"degraded":["queue"],"status":"ready"}` }, 10*time.Second, time.Millisecond)

	answer := make(chan error, 1)
	go func() {
		resp, err := http.Get("http://" + listener.Addr().String())
		if err == nil {
			_ = resp.Body.Close()
		}
		answer <- err
	}()
	<-began
	stop()
	require.Eventually(t, func() bool { return probe() == `{"status":"draining"}` }, 10*time.Second, time.Millisecond)
	close(goOn)
	require.NoError(t, <-answer)
	require.NoError(t, <-ended)
}

func TestServeChecksItsOptions(t *testing.T) {
	svc := quietService(t, false)
	handler := ingest.HandlerFunc(func(context.Context, *ingest.Batch) error { return nil })
	runner, err := ingest.NewRunner(svc, nil, nil)
	require.NoError(t, err)
	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer occupied.Close()
	serve := func(addr string, o ingest.ServeOptions) error {
		o.NoSignals = true
		_, err := ingest.NewServer(&http.Server{Addr: addr}, runner, &o)
		return err
	}
	for want, err := range map[string]error{
		"needs a Service":                     ingest.Run(t.Context(), nil, handler, nil),
		"RunOptions.Worker needs a handler":   ingest.Run(t.Context(), svc, nil, &ingest.RunOptions{Worker: &ingest.WorkerOptions{}}),
		"needs Backends.Notifications":        ingest.Run(t.Context(), svc, nil, &ingest.RunOptions{Listener: &ingest.ListenerOptions{}}),
		"DrainTimeout must not be negative":   serve("", ingest.ServeOptions{DrainTimeout: -1}),
		"MaxConnections must not be negative": serve("", ingest.ServeOptions{MaxConnections: -1}),
		"ServeOptions.Run is for Serve":       serve("", ingest.ServeOptions{Run: &ingest.RunOptions{}}),
		"address already in use":              serve(occupied.Addr().String(), ingest.ServeOptions{}),
		"needs an http.Server and a Runner":   func() error { _, err := ingest.NewServer(nil, runner, nil); return err }(),
	} {
		require.ErrorContains(t, err, want)
	}
}

// A process that only accepts has no worker, and its Runner ends with its context.
func TestRunnerWithoutAHandler(t *testing.T) {
	runner, err := ingest.NewRunner(quietService(t, false), nil, nil)
	require.NoError(t, err)
	require.False(t, runner.Behind())
	require.NoError(t, runner.Err())
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, runner.Run(ctx))
}
