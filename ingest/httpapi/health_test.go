package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore/diskspace"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

func answer(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestHealth(t *testing.T) {
	var hangs atomic.Bool
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Jobs: faulttest.Store(jobs.NewMemStore(), func(_ context.Context, c faulttest.Call) faulttest.Fault {
		if hangs.Load() && c.Kind == faulttest.StoreReady {
			return faulttest.Hang
		}
		return faulttest.None
	})})
	var logs bytes.Buffer
	h := must(httpapi.NewHealth(p.Service, &httpapi.HealthOptions{Timeout: 50 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&logs, nil))}))
	admin := must(httpapi.NewAdmin(h, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("some_metric 1")) })))
	is := func(path string, status int, body string) {
		t.Helper()
		w := answer(admin, "GET", path)
		require.Equal(t, status, w.Code)
		require.JSONEq(t, body, w.Body.String())
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	}
	is("/healthz", 200, `{"status":"ok"}`)
	is("/readyz", 200, `{"status":"ready"}`)
	away := errors.New("broker of s3cret")
	h.Queue(func() error { return nil })
	is("/readyz", 200, `{"status":"ready"}`)
	h.Queue(func() error { return away })
	is("/readyz", 200, `{"status":"ready","degraded":["queue"]}`)

	var failure error
	h.Require(func(context.Context) error { return failure })
	failure = errors.New("target s3cret is away")
	is("/readyz", 503, `{"status":"not ready","failing":[]}`)
	require.Contains(t, logs.String(), "target s3cret is away") // only in the log
	failure = diskspace.ErrLow
	is("/readyz", 503, `{"status":"not ready","failing":["disk"]}`)
	failure = nil
	full, err := diskspace.Open(t.TempDir(), &diskspace.Options{Floor: 1 << 62})
	require.NoError(t, err)
	h.RequireDisk(full)
	hangs.Store(true)
	require.Eventually(t, func() bool { // results are reused for a second
		return strings.Contains(answer(admin, "GET", "/readyz").Body.String(), `["disk","jobs"]`)
	}, 10*time.Second, 50*time.Millisecond)
	h.Drain()
	is("/readyz", 503, `{"status":"draining"}`)
	is("/healthz", 200, `{"status":"ok"}`)
	require.True(t, h.Draining())
}

func TestAdmin(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	h := must(httpapi.NewHealth(p.Service, nil))
	admin := must(httpapi.NewAdmin(h, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("some_metric 1")) })))
	for path, want := range map[string]string{"/metrics": "some_metric 1", "/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "goroutine profile"} {
		w := answer(admin, "GET", path)
		require.Equal(t, 200, w.Code, path)
		require.Contains(t, w.Body.String(), want, path)
		require.NotEqual(t, 200, answer(admin, "POST", path).Code)
	}
	for _, path := range []string{"/debug/pprof/cmdline", "/v1/ingestion/jobs", "/"} {
		require.Equal(t, 404, answer(admin, "GET", path).Code, path)
	}
	require.Equal(t, 404, answer(must(httpapi.NewAdmin(h, nil)), "GET", "/metrics").Code)
	w := answer(admin, "POST", "/readyz")
	require.Equal(t, 405, w.Code)
	require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	require.Equal(t, 200, answer(admin, "HEAD", "/readyz").Code)

	_, err := httpapi.NewAdmin(nil, nil)
	require.Error(t, err)
	_, err = httpapi.NewHealth(nil, nil)
	require.Error(t, err)
	_, err = httpapi.NewHealth(p.Service, &httpapi.HealthOptions{Timeout: -1})
	require.Error(t, err)
}
