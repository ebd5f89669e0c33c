package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest/internal/stage"
	"github.com/fhirdock/fhirdock/jobs"
)

// attempt is one attempt at a job, from its last checkpoint on.
type attempt struct {
	w        *Worker
	lease    *lease
	draining <-chan struct{}
	fresh    bool          // no worker has had the job before
	earlier  stage.Batches // redelivered batches whose outcomes an earlier attempt kept
	blocks   io.ReaderAt   // list of the payload's blocks; nil if there is only one
}

// run returns nil once the job is recorded as completed. The error is a permanent
// [*Failure], ErrLeaseLost, errDrained, or one to be retried.
func (a *attempt) run(ctx context.Context) error {
	err := a.steps(ctx)
	if errors.Is(err, blobstore.ErrDigest) && !errors.Is(err, blobstore.ErrChanged) {
		err = a.damaged(ctx, err)
	}
	if err != nil && ctx.Err() != nil {
		// The attempt was told to end, and any error is a consequence of that.
		return context.Cause(ctx)
	}
	return err
}

func (a *attempt) steps(ctx context.Context) error {
	if err := a.check(ctx); err != nil {
		return err
	}
	if err := a.handOver(ctx); err != nil {
		return err
	}
	return a.complete(ctx)
}

// readError classifies a read error as permanent or retryable.
func (a *attempt) readError(err error) error {
	if err == nil {
		return nil
	}
	err = hideKeyOf(a.lease.current(), err)
	switch {
	case errors.Is(err, blobstore.ErrNotFound):
		return &Failure{Code: "payload-gone", Message: "The payload is not in the store any more", Permanent: true, Err: err}
	case errors.Is(err, blobstore.ErrChanged):
		return &Failure{Code: "payload-changed", Message: "The payload is not the one that was accepted", Permanent: true, Err: err}
	}
	return &Failure{Code: "payload-read", Message: "The payload could not be read to its end", Err: err}
}

// record changes the job under the claim and extends its lease.
func (a *attempt) record(ctx context.Context, set func(*jobs.Job)) error {
	return a.lease.change(ctx, func(j *jobs.Job) error {
		if err := j.Extend(a.w.svc.now(), a.lease.claim, a.lease.length); err != nil {
			return err
		}
		set(j)
		return nil
	})
}

// whole reports whether splitting a Bundle of this type would change what it
// means: https://hl7.org/fhir/R4/bundle.html#bundle-unique and the sections on
// transactions, messages and documents.
func whole(bundleType string) bool {
	return bundleType == "transaction" || bundleType == "message" || bundleType == "document"
}

// handOver hands the payload to the handler, starting at the last checkpoint.
func (a *attempt) handOver(ctx context.Context) error {
	job := a.lease.current()
	format := fhirbundle.Format(job.Payload.Format)
	if hopeless(job) {
		return a.nothingTaken(ctx)
	}
	limits := batchLimits{resources: job.BatchResources, bytes: job.BatchBytes}
	if format == fhirbundle.FormatBundle && whole(job.Payload.BundleType) {
		if job.Payload.Size > a.w.opts.MaxWholeBytes {
			return &Failure{Code: "too-large", Permanent: true, Message: fmt.Sprintf(
				"A %s Bundle is handed over whole, and this one has %d bytes; %d are allowed",
				job.Payload.BundleType, job.Payload.Size, a.w.opts.MaxWholeBytes)}
		}
		limits = batchLimits{}
	}
	from := fhirbundle.Position{Offset: job.Progress.Offset, Entries: job.Progress.Entries, Lines: job.Progress.Lines}
	if from.Offset > 0 && from.Offset == job.Payload.Size {
		return nil // everything was handed over; object stores refuse to read from an object's end
	}
	if !a.fresh {
		// Batches that an earlier attempt handed over and did not record are redelivered.
		var err error
		if a.earlier, err = a.w.svc.outcomes.Job(stageID(job)).From(ctx, from.Offset); err != nil {
			return fmt.Errorf("ingest: %w", err)
		}
	}
	src, err := a.verified(ctx, from.Offset)
	if err != nil {
		return err
	}
	defer src.Close()
	reader, err := fhirbundle.ResumeReader(src, from, a.w.svc.reading(format, job.Payload.ContentType))
	if err != nil {
		return err
	}

	batches := newBatcher(job, reader, limits)
	for {
		b, err := batches.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			if invalid, ok := errors.AsType[*fhirbundle.InvalidError](err); ok {
				return &Failure{Code: "invalid", Message: invalid.Error(), Permanent: true, issues: invalid.Issues}
			}
			return a.readError(err)
		}
		if err := a.batch(ctx, b, batches.position()); err != nil {
			return err
		}
		if hopeless(a.lease.current()) {
			return a.nothingTaken(ctx)
		}
		if b.Whole {
			return nil // the reader has reached its end
		}
		if a.stopping() {
			return errDrained
		}
	}
	if format == fhirbundle.FormatNDJSON && from == (fhirbundle.Position{}) {
		// Findings about the whole file. An empty file is no error: an export without
		// matches is empty.
		err := reader.Report().Err()
		if invalid, ok := errors.AsType[*fhirbundle.InvalidError](err); ok && invalid.First.Code == "body-empty" {
			err = nil
		}
		if err != nil {
			return &Failure{Code: "invalid", Message: err.Error(), Permanent: true, issues: reader.Report().Issues}
		}
	}
	return nil
}

func (a *attempt) stopping() bool {
	select {
	case <-a.draining:
		return true
	default:
		return false
	}
}

// batch hands over one batch, keeps its rejections, and records the progress.
func (a *attempt) batch(ctx context.Context, b *batch, at fhirbundle.Position) error {
	s, began := a.w.svc, time.Now()
	b.Job = a.lease.current()
	// Computed from the current record: only the owner of the claim may change these,
	// and a retried change must not count twice.
	progress, counts := b.Job.Progress, maps.Clone(b.Job.ResourceCounts)
	if len(b.Resources) > 0 {
		err := a.w.handle(ctx, func(ctx context.Context) error { return a.w.handler.Handle(ctx, &b.Batch) })
		if err != nil {
			return err
		}
		a.lease.moved()
		if b.Aborted() {
			b.abort()
		}
	}
	if err := s.keepOutcomes(ctx, b, a.earlier, &progress); err != nil {
		return fmt.Errorf("ingest: write outcomes: %w", err)
	}
	done := int64(len(b.Resources)) - b.refused()
	s.opts.Observe(Event{Kind: EventBatch, JobID: b.Job.ID, Source: string(b.Job.Source), Bytes: b.End - b.Start,
		Resources: done, Rejected: int64(len(b.rejected)), Duration: time.Since(began)})
	progress.Done += done
	progress.Offset, progress.Entries, progress.Lines = at.Offset, at.Entries, at.Lines
	if counts == nil {
		counts = make(map[string]int64, len(b.counts))
	}
	for name, n := range b.counts {
		counts[name] += n // bounded: types unknown to FHIR count as one
	}
	return a.lease.change(ctx, func(j *jobs.Job) error {
		if err := j.Checkpoint(s.now(), a.lease.claim, progress, a.lease.length); err != nil {
			return err
		}
		j.ResourceCounts = maps.Clone(counts)
		return nil
	})
}

// complete publishes the job's outcomes and completes it.
func (a *attempt) complete(ctx context.Context) error {
	s, job := a.w.svc, a.lease.current()
	if job.Progress.Done == 0 && job.Progress.Rejected > 0 {
		return a.nothingTaken(ctx)
	}
	var outputs []jobs.Output
	if f, ok := a.w.handler.(Finisher); ok {
		err := a.w.handle(ctx, func(ctx context.Context) (err error) {
			outputs, err = f.Finish(ctx, job)
			return err
		})
		if err != nil {
			return err
		}
		a.lease.moved()
		if err := checkOutputs(job, outputs); err != nil {
			return err
		}
	}
	key, err := s.publishOutcomes(ctx, job)
	if err != nil {
		return fmt.Errorf("ingest: publish outcomes: %w", err)
	}
	err = a.lease.change(ctx, func(j *jobs.Job) error {
		j.Outputs, j.OutcomesKey = outputs, key
		j.Progress.Offset = j.Payload.Size
		return j.Complete(s.now(), a.lease.claim)
	})
	if err != nil {
		return err
	}
	done := a.lease.current()
	if key != "" {
		s.clearOutcomes(ctx, done)
	}
	if err := s.dropBlocks(ctx, done); err != nil {
		s.opts.Logger.WarnContext(ctx, "blocks not removed", "job", done.ID, "error", err)
	}
	s.finished(ctx, done)
	return nil
}
