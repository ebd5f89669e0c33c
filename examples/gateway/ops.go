package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// operations serves what the operator asks: is the process alive, may it be
// sent work, what does it count.
type operations struct {
	ready    func(context.Context) error
	draining atomic.Bool
	log      *slog.Logger
}

func (o *operations) mount(mux *http.ServeMux, m *metrics) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, "status", "ok")
	})
	mux.HandleFunc("GET /readyz", o.readyz)
	mux.Handle("GET /metrics", m.handler())
	// A ServeMux would say it in plain text.
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", "GET, HEAD")
			answer(w, http.StatusMethodNotAllowed, "error", "Method not allowed; allowed are GET, HEAD")
		})
	}
}

// notFound answers where there is no front door to do so.
func notFound(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusNotFound, "error", "Not found")
}

func (o *operations) readyz(w http.ResponseWriter, r *http.Request) {
	if o.draining.Load() {
		answer(w, http.StatusServiceUnavailable, "status", "draining")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := o.ready(ctx); err != nil {
		// What is wrong is the operator's to know, who reads the log; this
		// route answers anyone.
		o.log.WarnContext(ctx, "not ready", "error", err)
		answer(w, http.StatusServiceUnavailable, "status", "not ready")
		return
	}
	answer(w, http.StatusOK, "status", "ready")
}

func answer(w http.ResponseWriter, status int, name, what string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The client may be gone; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(map[string]string{name: what})
}
