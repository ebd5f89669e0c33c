package docservers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"sync/atomic"

	"github.com/FerretDB/FerretDB/ferretdb"

	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/mongojobs"
)

// MongoDB starts FerretDB in this process, on SQLite in a folder, behind a proxy that
// passes one command at a time, which makes updates atomic.
func MongoDB(_ context.Context, folder string) (*Server, error) {
	f, err := ferretdb.New(&ferretdb.Config{
		Listener: ferretdb.ListenerConfig{TCP: "127.0.0.1:0"}, Handler: "sqlite", SQLiteURL: (&url.URL{Scheme: "file", Opaque: folder + "/"}).String(),
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background()) // until stop
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	stop := func() error {
		cancel()
		return <-done
	}
	inner, err := url.Parse(f.MongoDBURI())
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	proxy, err := startOneByOne(inner.Host)
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	var stores atomic.Int64
	return &Server{
		Name:  "FerretDB on SQLite, another server with MongoDB's protocol, one command at a time",
		Env:   map[string]string{mongojobs.ServerVariable: "mongodb://" + proxy.listener.Addr().String() + "/"},
		Fresh: func(context.Context) (string, error) { return fmt.Sprintf("mongo://db%d/jobs", stores.Add(1)), nil },
		stop:  func() error { return errors.Join(proxy.stop(), stop()) },
	}, nil
}
