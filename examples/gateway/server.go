package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/examples/internal/gatewayflags"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
)

// serve runs the gateway until ctx is done, and then drains it.
func serve(ctx context.Context, c *gatewayflags.Config, log *slog.Logger) (err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	defer listener.Close() // on errors; otherwise the server closes it
	var adminListener net.Listener
	if c.AdminAddr != "" {
		if adminListener, err = new(net.ListenConfig).Listen(ctx, "tcp", c.AdminAddr); err != nil {
			return fmt.Errorf("-admin-addr: %w", err)
		}
		defer adminListener.Close() // on errors; otherwise startAdmin's server closes it
	}
	base := c.PublicURL
	if base == nil {
		base = derived(c.Addr, listener.Addr())
	}
	back, err := backends.Open(ctx, c.URLs, &backends.Options{
		Data: c.Data, BaseURL: base, SkipMigrations: c.Migrations == "skip", Logger: log,
	})
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, back.Close(end))
	}()
	if err := checkBackends(ctx, c, back, log); err != nil {
		return err
	}
	m, err := newMetrics()
	if err != nil {
		return err
	}
	service, lake, err := newService(c, back, log, m.Observe)
	if err != nil {
		return err
	}
	m.WatchService(service)
	ops, err := httpapi.NewHealth(service, &httpapi.HealthOptions{Logger: log})
	if err != nil {
		return err
	}
	routes, err := httpapi.NewAdmin(ops, m.handler())
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(httpapi.LivePath, routes)
	if adminListener == nil {
		mountOps(mux, routes)
	}
	if c.Works() {
		ops.Require(func(context.Context) error { return lake.Ready() })
	}
	runner, err := newRunner(c, service, lake)
	if err != nil {
		return err
	}
	front, err := mount(mux, c, back, service, runner, ops, m, log)
	if err != nil {
		return err
	}
	server, err := ingest.NewServer(&http.Server{Handler: observed(unredirected(mux, front), log, m)}, runner, &ingest.ServeOptions{
		Listener: listener, Body: c.Body, MaxConnections: c.MaxConnections, DrainDelay: c.DrainDelay, DrainTimeout: c.Worker.DrainTimeout, Health: ops,
	})
	if err != nil {
		return err
	}
	m.countConnections(server.Connections)
	logStart(c, log, base, listener.Addr())
	return runBoth(ctx, server, adminListener, routes, log)
}

// mountOps adds the operator's routes to the clients' address.
func mountOps(mux *http.ServeMux, routes http.Handler) {
	for _, path := range []string{httpapi.ReadyPath, httpapi.MetricsPath} {
		mux.Handle(path, routes)
	}
}

// logStart logs the gateway's address and data folder, and warns of tokens that can be
// guessed.
func logStart(c *gatewayflags.Config, log *slog.Logger, base *url.URL, addr net.Addr) {
	data := c.Data
	if abs, err := filepath.Abs(data); err == nil { // go run -C changes the working folder
		data = abs
	}
	if c.Development != nil {
		log.Warn("the tokens are for development: anyone who can reach this server can guess one; see -token-file", "reason", c.Development)
	}
	log.Info("listening", "url", base.String(), "addr", addr.String(), "role", c.Role, "data", data)
}

// runBoth runs the server and, if it has a listener, the admin server, which ends last so
// that the operator can watch the drain.
func runBoth(ctx context.Context, server *ingest.Server, adminListener net.Listener, routes http.Handler, log *slog.Logger) error {
	run, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if adminListener != nil {
		a := startAdmin(adminListener, routes, log)
		defer a.stop(context.WithoutCancel(ctx))
		run.Go(func() error { return a.run(ctx) })
		log.Info("listening for the operator", "admin", adminListener.Addr().String())
	}
	run.Go(func() error {
		defer stop() // stops the admin server too
		return server.Run(ctx)
	})
	return run.Wait()
}

// unredirected keeps a ServeMux from redirecting unclean paths, such as those with two
// slashes. Nothing is there, and front answers so.
func unredirected(mux, front http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path.Clean(r.URL.Path) && r.URL.Path != path.Clean(r.URL.Path)+"/" {
			front.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// derived returns the URL of the address in asked, with the actual port.
func derived(asked string, got net.Addr) *url.URL {
	// Both are valid: one was checked with the flags, the other is the listener's.
	host, _, _ := net.SplitHostPort(asked)
	_, port, _ := net.SplitHostPort(got.String())
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}
}
