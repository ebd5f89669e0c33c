// Command embed is the least that a program of your own needs: front door,
// worker and sweeper in one process, everything in a folder. What becomes of
// the resources is up to handle.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	_ "modernc.org/sqlite"

	"github.com/fhirdock/fhirdock/blobstore/dirblob"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/examples/internal/version"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
	"github.com/fhirdock/fhirdock/queue"
)

func main() {
	addr, data := arguments()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener := must(listen(addr))

	bucket := must(dirblob.OpenBucket(filepath.Join(data, "blobs"), &dirblob.Options{CreateDir: true}))
	store := must(sqljobs.Open(ctx, must(sql.Open("sqlite", sqljobs.SQLiteDSN(filepath.Join(data, "jobs.sqlite")))), nil))
	topic, subscription, err := queue.NewLocal(nil)
	if err != nil {
		log.Fatal(err)
	}
	secret := must(signedurl.LoadOrCreateSecret(filepath.Join(data, "secret")))
	signer := must(signedurl.NewSigner(&url.URL{Scheme: "http", Host: listener.Addr().String(), Path: "/v1/objects"}, secret, nil))

	service := must(ingest.New(ingest.Backends{
		Bucket: bucket, Signer: signer, Topic: topic, Subscription: queue.Static(subscription), Jobs: store,
	}, nil))
	http.Handle("/", must(httpapi.New(service, must(auth.ParseTokens("dev=demo")), nil)))
	http.Handle("/v1/objects/", must(signedurl.NewHandler(bucket, signer, &signedurl.HandlerOptions{OnCreated: service.ObjectCreated})))
	log.Printf("listening on http://%s, with the bearer token dev", listener.Addr())
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute}
	go func() { log.Fatal(server.Serve(listener)) }()
	if err := ingest.Run(ctx, service, ingest.HandlerFunc(handle)); err != nil {
		log.Fatal(err)
	}
}

// arguments reads the flags. -version prints the version, and that is all.
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

// listen listens where only this machine reaches it. The address is part of the upload
// URLs that clients get.
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
	if err != nil {
		log.Fatal(err)
	}
	return v
}
