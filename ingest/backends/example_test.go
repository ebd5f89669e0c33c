package backends_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/backends"
)

// A whole program: front door, worker and sweeper on a folder.
func ExampleOpen() {
	ctx, stop := context.WithCancel(context.Background())
	data := must(os.MkdirTemp("", "fhirdock"))
	defer os.RemoveAll(data)
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	base := &url.URL{Scheme: "http", Host: listener.Addr().String()}

	b := must(backends.Open(ctx, backends.URLs{}, &backends.Options{Data: data, BaseURL: base}))
	defer b.Close(context.Background())
	svc := must(ingest.New(b.Backends, nil))
	mux := http.NewServeMux()
	if err := b.Mount(mux, svc, must(auth.ParseTokens("dev=demo"))); err != nil {
		log.Fatal(err)
	}
	handler := ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
		fmt.Println("handled", b.Resources[0].Type)
		stop() // in a program, SIGTERM does this
		return nil
	})
	go post(base.String(), `{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient"}}]}`)
	fmt.Println(ingest.Serve(ctx, svc, &http.Server{Handler: mux}, handler, &ingest.ServeOptions{Listener: listener}))
	// Output:
	// handled Patient
	// <nil>
}

// Front door and workers apart: each process opens the same back ends. The drivers of
// other schemes than those built in must be imported.
func ExampleOpen_apart() {
	ctx := context.Background()
	b, err := backends.Open(ctx, backends.URLs{
		Blob:          "s3://payloads?region=eu-central-1",
		Topic:         "nats://nats:4222/wake-ups?stream=WAKEUPS",
		Subscription:  "nats://nats:4222/wake-ups?stream=WAKEUPS&consumer=workers",
		Notifications: "awssqs://sqs.eu-central-1.amazonaws.com/123456789012/uploads", // that S3 sends to
		Jobs:          "postgres://fhirdock@db/fhirdock",
	}, nil)
	if err != nil {
		fmt.Println(err) // it names the import that is missing
		return
	}
	defer b.Close(ctx)
	svc := must(ingest.New(b.Backends, nil))
	if os.Getenv("ROLE") == "worker" {
		// No HTTP: worker, sweeper and listener.
		log.Fatal(ingest.Run(ctx, svc, ingest.HandlerFunc(func(context.Context, *ingest.Batch) error { return nil }), nil))
	}
	mux := http.NewServeMux()
	if err := b.Mount(mux, svc, must(auth.ParseTokens("dev=demo"))); err != nil {
		log.Fatal(err)
	}
	// No handler: it accepts, and sweeps.
	log.Fatal(ingest.Serve(ctx, svc, &http.Server{Addr: ":8080", Handler: mux}, nil, nil))
	// Output: open the bucket: blobstore: no driver for s3:// is linked in: add import _ "github.com/fhirdock/fhirdock/blobstore/cloud/s3upload"
}

func post(base, bundle string) {
	req := must(http.NewRequest("POST", base+"/v1/ingestion/fhir/Bundle", strings.NewReader(bundle)))
	req.Header.Set("Authorization", "Bearer dev")
	req.Header.Set("Content-Type", "application/fhir+json")
	resp := must(http.DefaultClient.Do(req))
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
