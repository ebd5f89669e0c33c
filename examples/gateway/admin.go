package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// admin serves the operator's routes on a separate address.
type admin struct {
	server *http.Server
	ended  chan error // result of Serve
}

// profileTimeout is the maximum duration of a profile or trace, as set by the request's
// parameter seconds.
const profileTimeout = 2 * time.Minute

// startAdmin serves the operator's routes until stop is called.
func startAdmin(l net.Listener, routes http.Handler, log *slog.Logger) *admin {
	a := &admin{ended: make(chan error, 1), server: &http.Server{
		Handler:           routes,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      profileTimeout,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
	go func() { a.ended <- a.server.Serve(l) }()
	return a
}

// run returns when ctx is done, or with an error when the server ends earlier.
func (a *admin) run(ctx context.Context) error {
	select {
	case err := <-a.ended:
		return fmt.Errorf("-admin-addr: serve: %w", err)
	case <-ctx.Done():
		return nil
	}
}

// stop waits for requests, which are short except for profiles, and cuts off the rest.
func (a *admin) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := a.server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		_ = a.server.Close()
	}
}

// notFound answers unknown routes in roles without a front door.
func notFound(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(w, "{\"error\":\"Not found\"}\n")
}
