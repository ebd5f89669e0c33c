package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/logtext"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/sink"
)

// logName is the name of the pipeline's log in the folder. The screen is for the
// demonstration.
const logName = "quickstart.log"

// token is the bearer token of the only caller.
const token = "dev"

// start runs fhirdock in this process: front door, worker and sweeper on a folder. It
// returns the front door's URL, and a function that drains the server and closes all.
func start(ctx context.Context, folder string) (front string, stop func() error, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", nil, err
	}
	file, err := os.OpenFile(filepath.Join(folder, logName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return "", nil, err
	}
	log := slog.New(slog.NewTextHandler(file, &slog.HandlerOptions{ReplaceAttr: logtext.Errors}))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	base := &url.URL{Scheme: "http", Host: listener.Addr().String()}

	// Without URLs the object store, the job store and the queue are embedded.
	b, err := backends.Open(ctx, backends.URLs{}, &backends.Options{Data: folder, BaseURL: base, Logger: log})
	if err != nil {
		return "", nil, err
	}
	service, err := ingest.New(b.Backends, &ingest.Options{Logger: log, MaxBodyBytes: webhookLimit})
	if err != nil {
		return "", nil, err
	}
	lake, err := sink.NewLake(b.Store, nil)
	if err != nil {
		return "", nil, err
	}
	tokens, err := auth.ParseTokens(token + "=demo:quickstart")
	if err != nil {
		return "", nil, err
	}
	mux := http.NewServeMux()
	if err := b.Mount(mux, service, tokens); err != nil {
		return "", nil, err
	}

	// An interrupt ends the demonstration, which then drains the server.
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() {
		defer listener.Close() // if Serve fails at once
		ended <- ingest.Serve(running, service, &http.Server{Handler: mux}, lake, &ingest.ServeOptions{Listener: listener, NoSignals: true})
	}()
	stop = func() error {
		end()
		err := <-ended
		closing, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		return errors.Join(err, b.Close(closing), file.Close())
	}
	return base.String(), stop, nil
}
