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

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/httpbody"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/budget"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"golang.org/x/sync/errgroup"
)

// serve runs the gateway until ctx is done, and then drains it.
func serve(ctx context.Context, c *config, log *slog.Logger) (err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	defer listener.Close() // for errors; the server closes it
	var adminListener net.Listener
	if c.adminAddr != "" {
		if adminListener, err = new(net.ListenConfig).Listen(ctx, "tcp", c.adminAddr); err != nil {
			return fmt.Errorf("-admin-addr: %w", err)
		}
		defer adminListener.Close() // for errors; startAdmin's server closes it
	}
	base := c.publicURL
	if base == nil {
		base = derived(c.addr, listener.Addr())
	}

	back, err := backends.Open(ctx, c.urls, &backends.Options{
		Data: c.data, BaseURL: base, SkipMigrations: c.migrations == "skip", Logger: log,
	})
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, back.Close(end))
	}()
	if err := checkBucket(ctx, back.Store.Bucket(), log); err != nil {
		return err
	}
	if back.LocalQueue && c.role != "all" {
		log.Warn("the queue is within this process: other processes find jobs by asking the job store, some seconds later; see -topic")
	}

	if back.LocalJobs && c.role != "all" {
		return errors.New("-jobs mem: is for one process that accepts and works, with -role all")
	}

	m, err := newMetrics()
	if err != nil {
		return err
	}
	service, err := ingest.New(back.Backends, c.options(log, m.Observe))
	if err != nil {
		return err
	}
	m.WatchService(service)

	bodies := httpbody.Limits{Stall: c.bodyStall, MinRate: c.bodyMinRate, Timeout: c.bodyTimeout}
	lake, err := c.lake(back)
	if err != nil {
		return err
	}
	ops, err := httpapi.NewHealth(service, &httpapi.HealthOptions{Logger: log})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	routes, err := httpapi.NewAdmin(ops, m.handler())
	if err != nil {
		return err
	}
	mux.Handle(httpapi.LivePath, routes)
	if adminListener == nil {
		mux.Handle(httpapi.ReadyPath, routes)
		mux.Handle(httpapi.MetricsPath, routes)
	}
	if c.works() {
		ops.Require(func(context.Context) error { return lake.Ready() })
	}
	runner, err := c.runner(service, lake)
	if err != nil {
		return err
	}
	ops.Queue(runner.Err)
	front := http.Handler(http.HandlerFunc(notFound))
	if c.serves() {
		shared, disk, err := c.budgets.open(back, c.localJobs(), runner, m)
		if err != nil {
			return err
		}
		if front, err = httpapi.New(service, c.tokens, &httpapi.Options{
			Logger: log, Body: bodies, BaseURL: c.publicURL, Webhooks: c.webhooks, SpoolFolder: c.spool, MaxUnverifiedBytes: c.maxUnverified, Budget: shared,
		}); err != nil {
			return err
		}
		if disk != nil {
			ops.RequireDisk(disk)
		}
		told, err := notifications(service, c.notifySecrets, log)
		if err != nil {
			return err
		}
		mux.Handle(notificationsPath, told)
		mux.Handle(backends.ObjectsPath, front) // or the mux would redirect it to the next
		if back.Signer != nil {
			opts := &signedurl.HandlerOptions{
				Logger: log, OnCreated: service.ObjectCreated, Body: bodies,
				Admit: func(key string, bytes int64) (signedurl.Place, error) {
					return shared.Admit(budget.Request{Organization: blobstore.OrganizationOf(c.prefix, key), Put: true, Bytes: bytes})
				},
			}
			uploads, err := signedurl.NewHandler(back.Store.Bucket(), back.Signer, opts)
			if err != nil {
				return err
			}
			mux.Handle(backends.ObjectsPath+"/", uploads)
		}
	}
	mux.Handle("/", front)
	server, err := ingest.NewServer(&http.Server{Handler: observed(unredirected(mux, front), log, m)}, runner, &ingest.ServeOptions{
		Listener: listener, Body: bodies, MaxConnections: c.maxConnections, DrainDelay: c.drainDelay, DrainTimeout: c.drain, OnDrain: ops.Drain,
	})
	if err != nil {
		return err
	}
	m.countConnections(server.Connections)

	run, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if adminListener != nil {
		a := startAdmin(adminListener, routes, log)
		defer a.stop(context.WithoutCancel(ctx)) // last, so that the operator can watch the drain
		run.Go(func() error { return a.run(ctx) })
		log.Info("listening for the operator", "admin", adminListener.Addr().String())
	}
	data := c.data
	if abs, err := filepath.Abs(data); err == nil { // go run -C is not where the user is
		data = abs
	}
	if c.development != nil {
		log.Warn("the tokens are for development: whoever reaches this server can guess one; see -token-file", "because", c.development)
	}
	log.Info("listening", "url", base.String(), "addr", listener.Addr().String(), "role", c.role, "data", data)
	run.Go(func() error {
		defer stop() // of the admin server, too
		return server.Run(ctx)
	})
	return run.Wait()
}

// unredirected keeps a ServeMux from redirecting unclean paths, such as those with
// two slashes: there is nothing at them, and front says so.
func unredirected(mux, front http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path.Clean(r.URL.Path) && r.URL.Path != path.Clean(r.URL.Path)+"/" {
			front.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// derived is the URL of the address that was asked for, with the port that it
// came to be.
func derived(asked string, got net.Addr) *url.URL {
	// Both were checked: the one with the flags, the other by the listener.
	host, _, _ := net.SplitHostPort(asked)
	_, port, _ := net.SplitHostPort(got.String())
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}
}
