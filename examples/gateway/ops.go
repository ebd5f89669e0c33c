package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/fhirdock/fhirdock/blobstore/diskspace"
	"github.com/fhirdock/fhirdock/blobstore/loglimit"
	"github.com/fhirdock/fhirdock/ingest"
)

// operations serves what the operator asks: is the process alive, may it be
// sent work, what does it count.
type operations struct {
	ready    []func(context.Context) error // all of them; none is added once it serves
	queues   func() error                  // why a subscription is away, or nil
	draining func() bool
	metrics  http.Handler
	log      *slog.Logger
	unready  loglimit.Lines
}

// mountHealth serves /healthz, which only says that the process is alive.
func (o *operations) mountHealth(mux *http.ServeMux) {
	mountGet(mux, "/healthz", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, "status", "ok")
	}))
}

// mountMetrics serves /readyz and /metrics, which are for the operator.
func (o *operations) mountMetrics(mux *http.ServeMux) {
	mountGet(mux, "/readyz", http.HandlerFunc(o.readyz))
	mountGet(mux, "/metrics", o.metrics)
}

// mountGet serves GET and HEAD. A ServeMux would refuse other methods in plain text.
func mountGet(mux *http.ServeMux, path string, h http.Handler) {
	mux.Handle("GET "+path, h)
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", "GET, HEAD")
		answer(w, http.StatusMethodNotAllowed, "error", "Method not allowed; allowed are GET, HEAD")
	})
}

// notFound answers where there is no front door to do so.
func notFound(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusNotFound, "error", "Not found")
}

// notReady is what the answer says of an error. The log has the rest: anyone may be able
// to reach this route.
var notReady = []struct {
	err  error
	what string
}{
	{ingest.ErrBucketNotReady, "bucket"},
	{diskspace.ErrLow, "disk"},
	{ingest.ErrJobsNotReady, "jobs"},
}

func (o *operations) readyz(w http.ResponseWriter, r *http.Request) {
	if o.draining() {
		answer(w, http.StatusServiceUnavailable, "status", "draining")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	var errs []error
	for _, ready := range o.ready {
		errs = append(errs, ready(ctx))
	}
	err := errors.Join(errs...)
	if err == nil {
		body := map[string]any{"status": "ready"}
		// Not a failure: where all processes share a broker, none would be sent work
		// that each of them can do without it. Its loss was logged, and is counted.
		if o.queues() != nil {
			body["degraded"] = []string{"queue"}
		}
		answerJSON(w, http.StatusOK, body)
		return
	}
	o.unready.Log(ctx, o.log, slog.LevelWarn, "not ready", slog.Any("error", err))
	failing := []string{}
	for _, n := range notReady {
		if errors.Is(err, n.err) {
			failing = append(failing, n.what)
		}
	}
	answerJSON(w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "failing": failing})
}

func answer(w http.ResponseWriter, status int, name, what string) {
	answerJSON(w, status, map[string]any{name: what})
}

func answerJSON(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The client may be gone; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(body)
}
