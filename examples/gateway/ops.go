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
		answer(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /readyz", o.readyz)
	mux.Handle("GET /metrics", m.handler())
}

func (o *operations) readyz(w http.ResponseWriter, r *http.Request) {
	if o.draining.Load() {
		answer(w, http.StatusServiceUnavailable, "draining")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := o.ready(ctx); err != nil {
		// What is wrong is the operator's to know, who reads the log; this
		// route answers anyone.
		o.log.WarnContext(ctx, "not ready", "error", err)
		answer(w, http.StatusServiceUnavailable, "not ready")
		return
	}
	answer(w, http.StatusOK, "ready")
}

func answer(w http.ResponseWriter, status int, what string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The client may be gone; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(map[string]string{"status": what})
}
