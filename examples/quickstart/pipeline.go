package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/logtext"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/sink"
)

// logName is the name of the pipeline's log in the folder. The screen is for the
// demonstration.
const logName = "quickstart.log"

// pipeline is fhirdock in this process: front door, worker and sweeper on a
// folder.
type pipeline struct {
	url    string
	server *http.Server
	back   *backends.Backends
	log    *os.File
	end    context.CancelFunc
	ended  chan error // results of the server, and of worker and sweeper
}

func start(ctx context.Context, folder string) (_ *pipeline, err error) {
	p := &pipeline{ended: make(chan error, 2)}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("create the folder: %w", err)
	}
	if p.log, err = os.OpenFile(filepath.Join(folder, logName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, fmt.Errorf("the folder can't be written to: %w", err)
	}
	log := slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{ReplaceAttr: logtext.Errors}))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	base := &url.URL{Scheme: "http", Host: listener.Addr().String()}
	p.url = base.String()
	if p.back, err = backends.Open(ctx, backends.URLs{}, &backends.Options{Data: folder, BaseURL: base, Logger: log}); err != nil {
		return nil, err
	}

	service, err := ingest.New(p.back.Backends, &ingest.Options{Logger: log, MaxBodyBytes: webhookLimit})
	if err != nil {
		return nil, err
	}
	lake, err := sink.NewLake(p.back.Store.Bucket(), nil)
	if err != nil {
		return nil, err
	}
	tokens, err := auth.ParseTokens("dev=demo:quickstart")
	if err != nil {
		return nil, err
	}
	front, err := httpapi.New(service, tokens, &httpapi.Options{Logger: log})
	if err != nil {
		return nil, err
	}
	uploads, err := signedurl.NewHandler(p.back.Store.Bucket(), p.back.Signer, &signedurl.HandlerOptions{Logger: log, OnCreated: service.ObjectCreated})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", front)
	mux.Handle(backends.ObjectsPath+"/", uploads)
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	go func() { p.ended <- p.server.Serve(listener) }()

	// Worker and sweeper continue after an interrupt until stop, so that they end cleanly.
	work, end := context.WithCancel(context.WithoutCancel(ctx))
	p.end = end
	go func() { p.ended <- ingest.Run(work, service, lake, nil) }()
	return p, nil
}

func (p *pipeline) client() *frontdoor.Client {
	return &frontdoor.Client{Base: p.url, Token: "dev"}
}

// stop ends everything in the order of dependencies.
func (p *pipeline) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	p.end()
	errs := []error{p.server.Shutdown(ctx)}
	for range cap(p.ended) {
		if err := <-p.ended; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, p.back.Close(ctx), p.log.Close())...)
}
