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

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/logtext"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/sink"
)

// logName is the name of the pipeline's log in the folder. The screen is for the
// demonstration.
const logName = "quickstart.log"

// pipeline is fhirdock in this process: front door, worker and sweeper on a
// folder.
type pipeline struct {
	url   string
	back  *backends.Backends
	log   *os.File
	end   context.CancelFunc
	ended chan error
}

func start(ctx context.Context, folder string) (_ *pipeline, err error) {
	p := &pipeline{ended: make(chan error, 1)}
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
	lake, err := sink.NewLake(p.back.Store, nil)
	if err != nil {
		return nil, err
	}
	tokens, err := auth.ParseTokens("dev=demo:quickstart")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	if err := p.back.Mount(mux, service, tokens); err != nil {
		return nil, err
	}
	runner, err := ingest.NewRunner(service, lake, nil)
	if err != nil {
		return nil, err
	}
	// An interrupt ends the demonstration, which then drains the server.
	server, err := ingest.NewServer(&http.Server{Handler: mux}, runner, &ingest.ServeOptions{Listener: listener, NoSignals: true})
	if err != nil {
		return nil, err
	}
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	p.end = end
	go func() { p.ended <- server.Run(running) }()
	return p, nil
}

func (p *pipeline) client() *frontdoor.Client {
	return &frontdoor.Client{Base: p.url, Token: "dev"}
}

// stop drains the server and closes the back ends.
func (p *pipeline) stop() error {
	p.end()
	err := <-p.ended
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return errors.Join(err, p.back.Close(ctx), p.log.Close())
}
