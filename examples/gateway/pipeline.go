package main

import (
	"context"
	"log/slog"

	"github.com/fhirdock/fhirdock/examples/internal/backends"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/sink"
)

// options are those of the pipeline.
func (c *config) options(back *backends.Backends, log *slog.Logger, observe func(ingest.Event)) *ingest.Options {
	return &ingest.Options{
		BucketName: back.BucketName, Adopt: c.adoption(), Retention: c.retention(),
		Prefix: c.prefix, OutcomesPrefix: c.outcomes, StagingPrefix: c.staging, BundleTypes: c.types,
		Level: fhirbundle.Level(c.validation), FHIRVersion: fhirbundle.Version(c.version), MaxBodyBytes: c.maxBody, MaxUploadBytes: c.maxUpload,
		MaxEntryBytes: int(c.maxEntry), MaxStringBytes: int(c.maxString), MaxDepth: c.maxDepth,
		UploadExpiry: c.uploadExpiry, MaxAttempts: c.maxAttempts, StoreTimeout: c.storeWait, MaxWaiting: c.maxWaiting, MaxWaitingPerOrganization: c.maxWaitingEach,
		MaxOutcomes: int64(c.maxOutcomes), MaxOutcomeBytes: c.maxOutcomeBytes, Logger: log, Observe: observe,
	}
}

// lake is the handler.
func (c *config) lake(back *backends.Backends) (*sink.Lake, error) {
	return sink.NewLake(back.Bucket, &sink.LakeOptions{Prefix: c.output, Staging: c.staging + "/lake", Signer: back.Backends.Signer})
}

// worker returns the worker, nil where the role has none.
func (c *config) worker(service *ingest.Service, lake *sink.Lake, ops *httpapi.Health) (*ingest.Worker, error) {
	if !c.works() {
		return nil, nil
	}
	opts := &ingest.WorkerOptions{
		Concurrency: c.concurrency, BatchBytes: c.batchBytes, MaxWholeBytes: c.maxWhole,
		Lease: c.lease, StallTimeout: c.stall, PollInterval: c.pollEvery, DrainTimeout: c.drain,
	}
	if c.order != "none" {
		opts.OrderPerOrganization, opts.HeadOfLine = true, ingest.HeadOfLine(c.order)
	}
	ops.Require(func(context.Context) error { return lake.Ready() })
	worker, err := ingest.NewWorker(service, lake, opts)
	if err != nil {
		return nil, err
	}
	ops.Queue(worker.Err)
	return worker, nil
}
