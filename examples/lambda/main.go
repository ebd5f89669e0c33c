// Command lambda is fhirdock as functions of AWS Lambda: the front door behind API
// Gateway, the notifications of the bucket, the wake-ups of a queue, and the sweeper on
// a schedule, each called with its event and with no process in between.
//
// It is one program for four functions, on the runtime provided.al2023: the function's
// Handler, which Lambda gives as _HANDLER, says which it is.
//
//	api      REST (1.0) and HTTP API (2.0) events of API Gateway
//	uploads  notifications of S3
//	worker   wake-ups from SQS
//	sweeper  any event; a schedule of EventBridge
//
// A program of its own for each function is more usual. Here they would differ in a few
// lines: what is large in them is what all have, the drivers. As one, front door and
// worker are always of one version, and there is one file to build, to sign and to
// scan. What a function may do is said by its role, not by its code.
//
// Settings are the environment variables of the gateway, FHIRDOCK_BLOB, FHIRDOCK_TOPIC
// and FHIRDOCK_JOBS first of all; see settings.go. The template for all of it, and how
// to build and deploy, are in examples/deploy.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/fhirdock/fhirdock/examples/internal/version"
)

func main() {
	if version.Asked(os.Args[1:]) {
		_ = version.Write(os.Stdout, "lambda")
		return
	}
	if err := run(context.Background(), os.Getenv); err != nil {
		slog.Error("function not started", "error", err)
		os.Exit(1)
	}
}

// function handles one event, and returns what is answered, as JSON. It is safe for
// concurrent use.
type function func(ctx context.Context, event []byte) ([]byte, error)

// functions are what the Handler of a function can be.
var functions = map[string]func(*pipeline) (function, error){
	"api":     newAPI,
	"uploads": newUploads,
	"worker":  newWorker,
	"sweeper": newSweeper,
}

// run opens everything once, before the first event, and then handles events until the
// process ends: Lambda drops it without a word. Nothing needs to be closed, since each
// call ends what it began.
func run(ctx context.Context, getenv func(string) string) error {
	open, ok := functions[getenv("_HANDLER")]
	if !ok {
		return fmt.Errorf("_HANDLER must be %s", strings.Join(slices.Sorted(maps.Keys(functions)), ", "))
	}
	s, err := parseSettings(getenv)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: s.logLevel}))
	slog.SetDefault(log) // for what libraries say
	p, err := openPipeline(ctx, s, log)
	if err != nil {
		return err
	}
	f, err := open(p)
	if err != nil {
		return err
	}
	log.Info("function started", "handler", getenv("_HANDLER"))
	lambda.Start(handler(f))
	return nil
}

// handler implements lambda.Handler.
type handler function

func (h handler) Invoke(ctx context.Context, event []byte) ([]byte, error) { return h(ctx, event) }
