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

	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/examples/internal/backends"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/sink"
)

// serve runs the gateway until ctx is done, and then drains it.
func serve(ctx context.Context, c *config, log *slog.Logger) (err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	defer listener.Close() // for errors; answerUntil closes it
	base := c.publicURL
	if base == nil {
		base = derived(c.addr, listener.Addr())
	}

	back, err := backends.Open(ctx, backends.Config{
		Data: c.data, Blob: c.blob, Topic: c.topic, Subscription: c.subscription, Jobs: c.jobs,
		SkipMigrations: c.migrations == "skip", Base: base, Logger: log,
	})
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, back.Close(end))
	}()
	if err := checkBucket(ctx, back.Bucket, log); err != nil {
		return err
	}
	if back.LocalQueue && c.role != "all" {
		log.Warn("the queue is within this process: other processes hear of jobs from their sweeper only, some seconds later; see -topic")
	}

	if back.LocalJobs && c.role != "all" {
		return errors.New("-jobs mem: is for one process that accepts and works, with -role all")
	}

	m := newMetrics()
	service, err := ingest.New(back.Backends, &ingest.Options{
		BucketName: back.BucketName, Adopt: c.adoption(),
		Prefix: c.prefix, OutcomesPrefix: c.outcomes, StagingPrefix: c.staging, BundleTypes: c.types,
		Level: fhirbundle.Level(c.validation), FHIRVersion: fhirbundle.Version(c.version), MaxBodyBytes: c.maxBody, MaxUploadBytes: c.maxUpload,
		MaxEntryBytes: int(c.maxEntry), MaxStringBytes: int(c.maxString), MaxDepth: c.maxDepth,
		UploadExpiry: c.uploadExpiry, MaxAttempts: c.maxAttempts, WakeAfter: c.wakeAfter, Logger: log, Observe: m.observe,
	})
	if err != nil {
		return err
	}

	ops := &operations{ready: service.Ready, log: log}
	mux := http.NewServeMux()
	ops.mount(mux, m)
	front := http.Handler(http.HandlerFunc(notFound))
	if c.serves() {
		if front, err = httpapi.New(service, c.tokens, &httpapi.Options{Logger: log, BaseURL: c.publicURL, Webhooks: c.webhooks}); err != nil {
			return err
		}
		told, err := notifications(service, c.notifySecrets, log)
		if err != nil {
			return err
		}
		mux.Handle(notificationsPath, told)
		mux.Handle(backends.ObjectsPath, front) // or the mux would redirect it to the next
		if back.Signer != nil {
			uploads, err := signedurl.NewHandler(back.Bucket, back.Signer, &signedurl.HandlerOptions{
				Logger: log, OnCreated: service.ObjectCreated,
			})
			if err != nil {
				return err
			}
			mux.Handle(backends.ObjectsPath+"/", uploads)
		}
	}
	mux.Handle("/", front)
	root := unredirected(mux, front)

	// Work and requests end side by side: what a last request brings is found
	// by the next process.
	run, ctx := errgroup.WithContext(ctx)
	if c.works() {
		opts := &ingest.WorkerOptions{
			Concurrency: c.concurrency, BatchBytes: c.batchBytes, MaxWholeBytes: c.maxWhole,
			Lease: c.lease, StallTimeout: c.stall, DrainTimeout: c.drain,
		}
		if c.order != "none" {
			opts.OrderPerOrganization, opts.HeadOfLine = true, ingest.HeadOfLine(c.order)
		}
		lake, err := sink.NewLake(back.Bucket, &sink.LakeOptions{Prefix: c.output, Staging: c.staging + "/lake"})
		if err != nil {
			return err
		}
		worker, err := ingest.NewWorker(service, lake, opts)
		if err != nil {
			return err
		}
		run.Go(func() error { return worker.Run(ctx) })
	}
	if c.notifications != "" {
		opener, err := backends.OpenNotifications(ctx, backends.Config{Notifications: c.notifications, Logger: log})
		if err != nil {
			return err
		}
		notified, err := ingest.NewNotified(service, opener, nil)
		if err != nil {
			return err
		}
		run.Go(func() error { return notified.Run(ctx) })
	}
	// A sweeper counts a wake-up that it sends as sent. Where the queue ends in
	// this process and nothing here works, it would only keep the job from the
	// sweepers whose wake-ups reach a worker.
	if c.works() || !back.LocalQueue {
		sweeper, err := ingest.NewSweeper(service, &ingest.SweeperOptions{Every: c.sweepEvery})
		if err != nil {
			return err
		}
		run.Go(func() error { return sweeper.Run(ctx) })
	}
	run.Go(func() error { return answerUntil(ctx, listener, observed(moving(root), log, m, ops), ops, c, log) })
	data := c.data
	if abs, err := filepath.Abs(data); err == nil { // go run -C is not where the user is
		data = abs
	}
	log.Info("listening", "url", base.String(), "addr", listener.Addr().String(), "role", c.role, "data", data)
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
