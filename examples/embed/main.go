// Command embed is the least that a program of your own needs: front door, worker and
// sweeper in one process, with everything in a folder. handle decides what becomes of the
// resources.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"

	"github.com/fhirdock/fhirdock/examples/internal/version"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/backends"
)

func main() {
	addr, data := arguments()
	ctx, listener := context.Background(), must(listen(addr))
	base := &url.URL{Scheme: "http", Host: listener.Addr().String()}

	b := must(backends.Open(ctx, backends.URLs{}, &backends.Options{Data: data, BaseURL: base})) // no URLs: embedded
	defer b.Close(ctx)
	svc := must(ingest.New(b.Backends, nil))
	mux := http.NewServeMux()
	check(b.Mount(mux, svc, must(auth.ParseTokens("dev=demo"))))
	log.Printf("listening on %s, with the bearer token dev", base)
	check(ingest.Serve(ctx, svc, &http.Server{Handler: mux}, ingest.HandlerFunc(handle), &ingest.ServeOptions{Listener: listener}))
}

// arguments reads the flags. With -version the program prints its version and ends.
func arguments() (addr, data string) {
	flag.StringVar(&addr, "addr", "127.0.0.1:8080", "where to listen")
	flag.StringVar(&data, "data", "fhirdock-data/embed", "folder of payloads and jobs")
	if version.Asked(os.Args[1:]) {
		_ = version.Write(os.Stdout, "embed")
		os.Exit(0)
	}
	flag.Parse()
	return addr, data
}

// listen listens where only this machine reaches it, since anyone can guess the token. The
// address becomes part of the upload URLs that clients get.
func listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("-addr must be HOST:PORT: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, errors.New("-addr must be on loopback, such as 127.0.0.1:8080: anyone can guess the token dev")
	}
	return net.Listen("tcp", addr)
}

// handle gets the resources of a payload, batch by batch.
func handle(ctx context.Context, b *ingest.Batch) error {
	for i, r := range b.Resources {
		kind := fhirbundle.InteractionOf(r.Method, r.URL)
		if r.Request != nil && kind != fhirbundle.InteractionCreate && kind != fhirbundle.InteractionUpdate {
			b.Reject(i, "not-supported", "Only resources to keep are taken") // a DELETE, say
			continue
		}
		log.Printf("job %s: %s, %d bytes", b.Job.ID, r.Type, len(r.Raw))
	}
	return nil
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
