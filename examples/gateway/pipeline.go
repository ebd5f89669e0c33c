package main

import (
	"log/slog"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/sink"
)

// options returns the pipeline's options.
func (c *config) options(log *slog.Logger, observe func(ingest.Event)) *ingest.Options {
	return &ingest.Options{
		Adopt: c.adoption(), Retention: c.retention(),
		Prefix: c.prefix, OutcomesPrefix: c.outcomes, StagingPrefix: c.staging, BundleTypes: c.types,
		Level: fhirbundle.Level(c.validation), FHIRVersion: fhirbundle.Version(c.version), MaxBodyBytes: c.maxBody, MaxUploadBytes: c.maxUpload,
		MaxEntryBytes: int(c.maxEntry), MaxStringBytes: int(c.maxString), MaxDepth: c.maxDepth,
		UploadExpiry: c.uploadExpiry, MaxAttempts: c.maxAttempts, StoreTimeout: c.storeWait, MaxWaiting: c.maxWaiting, MaxWaitingPerOrganization: c.maxWaitingEach,
		MaxOutcomes: int64(c.maxOutcomes), MaxOutcomeBytes: c.maxOutcomeBytes, Logger: log, Observe: observe,
	}
}

// lake returns the handler.
func (c *config) lake(back *backends.Backends) (*sink.Lake, error) {
	return sink.NewLake(back.Store, &sink.LakeOptions{Prefix: c.output, Staging: c.staging + "/lake"})
}

// runner returns the worker and sweeper of a process with this role.
func (c *config) runner(service *ingest.Service, lake *sink.Lake) (*ingest.Runner, error) {
	opts := &ingest.RunOptions{Sweeper: &ingest.SweeperOptions{Every: c.sweepEvery}}
	if !c.works() {
		return ingest.NewRunner(service, nil, opts)
	}
	opts.Worker = &ingest.WorkerOptions{
		Concurrency: c.concurrency, BatchBytes: c.batchBytes, MaxWholeBytes: c.maxWhole,
		Lease: c.lease, StallTimeout: c.stall, PollInterval: c.pollEvery, DrainTimeout: c.drain,
	}
	if c.order != "none" {
		opts.Worker.OrderPerOrganization, opts.Worker.HeadOfLine = true, ingest.HeadOfLine(c.order)
	}
	return ingest.NewRunner(service, lake, opts)
}
