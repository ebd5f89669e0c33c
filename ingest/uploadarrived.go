package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/jobs"
)

// findUpload looks for the upload of a job that awaits it, and reports whether the job
// waits no longer.
func (s *Service) findUpload(ctx context.Context, job *jobs.Job) (bool, error) {
	object, err := s.blobs.Attributes(ctx, job.Payload.Key)
	if errors.Is(err, blobstore.ErrNotFound) {
		return s.absent(ctx, job)
	}
	if err != nil {
		return false, fmt.Errorf("ingest: look for an upload: %w", err)
	}
	now := s.now()
	why := mismatch(job, object)
	changed, err := jobs.Change(ctx, s.back.Jobs, job.ID, func(j *jobs.Job) error {
		if why != "" {
			return j.Reject(now, jobs.Failure{Code: "upload-mismatch", Message: why, At: now})
		}
		return j.Arrive(now, jobs.UploadedObject{
			Size: object.Size, SHA256: object.SHA256,
			ContentType: object.ContentType, ContentEncoding: object.ContentEncoding, Version: object.Version,
		})
	})
	switch {
	case errors.Is(err, jobs.ErrState):
		return true, nil // someone else saw it first
	case err != nil:
		return false, fmt.Errorf("ingest: accept an upload: %w", err)
	case why != "":
		s.finished(ctx, changed)
		return true, nil
	}
	s.opts.Observe(Event{Kind: EventAccepted, JobID: job.ID, Source: string(job.Source), Bytes: object.Size})
	s.wake(ctx, changed)
	return true, nil
}

// absent records a look that found nothing.
func (s *Service) absent(ctx context.Context, job *jobs.Job) (bool, error) {
	now := s.now()
	changed, err := jobs.Change(ctx, s.back.Jobs, job.ID, func(j *jobs.Job) error {
		next := nextLook(now, j.Upload.ExpiresAt, j.Upload.Looks+1)
		if next.After(j.Upload.ExpiresAt.Add(s.opts.UploadGrace)) {
			next = time.Time{} // stop looking
		}
		return j.Absent(now, next)
	})
	switch {
	case errors.Is(err, jobs.ErrState):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("ingest: record a look for an upload: %w", err)
	}
	if changed.State == jobs.Expired && job.State != jobs.Expired {
		s.finished(ctx, changed)
	}
	return changed.State == jobs.Expired, nil
}

// mismatch describes how an object differs from the requested upload; empty if it does
// not. Attributes that the driver does not know are checked when the object is read.
func mismatch(job *jobs.Job, object *blobstore.Object) string {
	switch u := job.Upload; {
	case u.Size > 0 && object.Size != u.Size:
		return fmt.Sprintf("The upload has %d bytes; %d were promised", object.Size, u.Size)
	case u.MaxSize > 0 && object.Size > u.MaxSize:
		return fmt.Sprintf("The upload has %d bytes; %d are allowed", object.Size, u.MaxSize)
	case u.SHA256 != "" && object.SHA256 != "" && u.SHA256 != object.SHA256:
		return "The upload does not have the SHA-256 that was promised"
	case object.ContentType != job.Payload.ContentType:
		return "The upload does not have the content type that was asked for: " + job.Payload.ContentType
	case object.ContentEncoding != "" && object.ContentEncoding != "identity":
		return "The upload has a content encoding; none is taken"
	}
	return ""
}
