package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fhirdock/fhirdock/blobstore/diskspace"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/internal/loglimit"
)

// Paths of [Health] and [NewAdmin], which [AccessLog] logs at DEBUG.
const (
	LivePath    = "/healthz"
	ReadyPath   = "/readyz"
	MetricsPath = "/metrics"
)

// HealthOptions are the options of a [Health]; nil, and zero fields, mean the defaults.
type HealthOptions struct {
	// Timeout bounds all checks of one request together. Default 2 seconds.
	Timeout time.Duration
	// Logger gets the reason why the process is not ready, at most [loglimit.PerMinute]
	// times a minute. Default slog.Default().
	Logger *slog.Logger
}

// Health answers the probes of load balancers and orchestrators: whether the process is
// alive, and whether it may be sent work. Its responses are JSON and name only the part
// that is not ready; the log has the details, since the routes may be public. With
// [ingest.ServeOptions.Health], [ingest.Serve] calls Queue and Drain. It is safe for
// concurrent use.
type Health struct {
	opts     HealthOptions
	draining atomic.Bool
	unready  loglimit.Lines

	mu     sync.Mutex
	ready  []func(context.Context) error
	queues []func() error
}

// NewHealth returns a Health that is ready if [ingest.Service.Ready] and all checks added
// with [Health.Require] succeed. It fails without a Service, or if an option is invalid.
func NewHealth(s *ingest.Service, opts *HealthOptions) (*Health, error) {
	if s == nil {
		return nil, errors.New("httpapi: NewHealth needs a Service")
	}
	h := &Health{ready: []func(context.Context) error{s.Ready}}
	if opts != nil {
		h.opts = *opts
	}
	if h.opts.Timeout < 0 {
		return nil, errors.New("httpapi: HealthOptions.Timeout must not be negative")
	}
	if h.opts.Timeout == 0 {
		h.opts.Timeout = 2 * time.Second
	}
	if h.opts.Logger == nil {
		h.opts.Logger = slog.Default()
	}
	return h, nil
}

// Require adds a check that must succeed for the process to be ready, such as one of a
// handler's target or of a [diskspace.Disk]. It must return when its context ends.
func (h *Health) Require(check func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ready = append(h.ready, check)
}

// RequireDisk makes the process not ready while a disk has less space than its floor.
func (h *Health) RequireDisk(d *diskspace.Disk) {
	h.Require(func(context.Context) error { return d.Check() })
}

// Queue adds a queue whose loss degrades the process but leaves it ready, such as
// [ingest.Runner.Err]. If all processes share a broker, none would be sent the work that
// each can do without it.
func (h *Health) Queue(away func() error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queues = append(h.queues, away)
}

// Drain makes the process not ready, permanently. Call it when the process begins to stop.
func (h *Health) Drain() { h.draining.Store(true) }

// Draining reports whether Drain was called.
func (h *Health) Draining() bool { return h.draining.Load() }

// Live answers 200 as long as the process can answer: {"status":"ok"}.
func (h *Health) Live() http.Handler {
	return getOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeStatus(w, http.StatusOK, map[string]any{"status": "ok"})
	}))
}

// Ready answers 200 if the process may be sent work: {"status":"ready"}, with
// "degraded":["queue"] while a queue is lost. Otherwise it answers 503: "draining", or
// "not ready" with the failing parts, if known: bucket, disk or jobs.
func (h *Health) Ready() http.Handler { return getOnly(http.HandlerFunc(h.readyz)) }

// failing names the parts in responses.
var failing = []struct {
	err  error
	part string
}{
	{ingest.ErrBucketNotReady, "bucket"},
	{diskspace.ErrLow, "disk"},
	{ingest.ErrJobsNotReady, "jobs"},
}

func (h *Health) readyz(w http.ResponseWriter, r *http.Request) {
	if h.Draining() {
		writeStatus(w, http.StatusServiceUnavailable, map[string]any{"status": "draining"})
		return
	}
	h.mu.Lock()
	ready, queues := slices.Clone(h.ready), slices.Clone(h.queues)
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(r.Context(), h.opts.Timeout)
	defer cancel()
	var errs []error
	for _, check := range ready {
		errs = append(errs, check(ctx))
	}
	err := errors.Join(errs...)
	if err == nil {
		body := map[string]any{"status": "ready"}
		if slices.ContainsFunc(queues, func(away func() error) bool { return away() != nil }) {
			body["degraded"] = []string{"queue"}
		}
		writeStatus(w, http.StatusOK, body)
		return
	}
	h.unready.Log(ctx, h.opts.Logger, slog.LevelWarn, "not ready", slog.Any("error", err))
	parts := []string{}
	for _, f := range failing {
		if errors.Is(err, f.err) {
			parts = append(parts, f.part)
		}
	}
	writeStatus(w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "failing": parts})
}

// getOnly refuses methods other than GET and HEAD, as JSON.
func getOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			writeStatus(w, http.StatusMethodNotAllowed, map[string]any{"error": "Method not allowed; allowed are GET, HEAD"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func writeStatus(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, status, body)
}
