package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/examples/internal/gatewayflags"
	"github.com/fhirdock/fhirdock/ingest/backends"
)

// checkBackends fails at the start if the bucket does not exist, or if the back ends don't
// suit the role.
func checkBackends(ctx context.Context, c *gatewayflags.Config, back *backends.Backends, log *slog.Logger) error {
	if back.LocalQueue && c.Role != "all" {
		log.Warn("the queue is in this process: other processes find jobs by polling the job store, some seconds later; see -topic")
	}
	if back.LocalJobs && c.Role != "all" {
		return errors.New("-jobs mem: needs -role all: it is not shared between processes")
	}
	return checkBucket(ctx, back.Store.Bucket())
}

// checkBucket fails at the start if the bucket does not exist. Package backends has warned of
// one that does not answer yet, and /readyz reports it.
func checkBucket(ctx context.Context, bucket *blob.Bucket) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if there, err := bucket.IsAccessible(ctx); err == nil && !there {
		return errors.New("-blob: there is no such bucket")
	}
	return nil
}
