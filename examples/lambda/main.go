// Command lambda runs fhirdock as functions on AWS Lambda: the front door behind API
// Gateway, the bucket's notifications, a queue's wake-ups, and the sweeper on a schedule.
// Each is called with its event, with no process in between.
//
// It is one program for four functions, on the runtime provided.al2023. The function's
// Handler, which Lambda passes as _HANDLER, chooses one:
//
//	api      REST (1.0) and HTTP API (2.0) events of API Gateway
//	uploads  notifications of S3
//	worker   wake-ups from SQS
//	sweeper  any event; a schedule of EventBridge
//
// A program for each function is more usual. Here they would differ in a few lines, and
// share the large part, the drivers. As one program, front door and worker always have the
// same version, and there is one file to build, sign and scan. A function's role limits
// what it may do, not its code.
//
// Settings are the gateway's environment variables. FHIRDOCK_BLOB, FHIRDOCK_TOPIC and
// FHIRDOCK_JOBS are required; see settings.go and examples/internal/pipelineflags.
// examples/deploy has the template, and says how to build and deploy it.
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
		slog.Error("start the function", "error", err)
		os.Exit(1)
	}
}

// function handles one event and returns the response as JSON. It is safe for concurrent
// use.
type function func(ctx context.Context, event []byte) ([]byte, error)

// functions maps the possible values of Handler.
var functions = map[string]func(*pipeline) (function, error){
	"api":     newAPI,
	"uploads": newUploads,
	"worker":  newWorker,
	"sweeper": newSweeper,
}

// run opens everything before the first event, and then handles events until the process
// ends. Lambda kills the process without notice. Nothing needs closing, since each call
// ends what it began.
func run(ctx context.Context, getenv func(string) string) error {
	open, ok := functions[getenv("_HANDLER")]
	if !ok {
		return fmt.Errorf("_HANDLER must be %s", strings.Join(slices.Sorted(maps.Keys(functions)), ", "))
	}
	s, err := parseSettings(getenv)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: s.LogLevel}))
	slog.SetDefault(log) // for libraries
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
