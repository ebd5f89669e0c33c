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

// admin answers the operator on an address of its own.
type admin struct {
	server *http.Server
	ended  chan error // of Serve
}

// profileTimeout is how long the longest profile or trace may take, in the request's
// parameter seconds.
const profileTimeout = 2 * time.Minute

// startAdmin serves the operator's routes until stop.
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

// run returns when ctx is done, or with an error when the server ends before that.
func (a *admin) run(ctx context.Context) error {
	select {
	case err := <-a.ended:
		return fmt.Errorf("-admin-addr: serve: %w", err)
	case <-ctx.Done():
		return nil
	}
}

// stop lets requests end, which are short but for profiles, and cuts off the others.
func (a *admin) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := a.server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		_ = a.server.Close()
	}
}

// notFound answers where there is no front door to do so.
func notFound(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(w, "{\"error\":\"Not found\"}\n")
}
