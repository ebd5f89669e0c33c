package ingest

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/jobs"
)

// ObjectCreated looks at an object that a notification names, and accepts the
// job that asked for it. A notification that no job asked for is counted and
// otherwise ignored: what it says is looked up, never believed. An error means
// that looking failed; the sweeper looks again. It is for
// signedurl.HandlerOptions.OnCreated, for notify.NewHandler, and for whoever else
// receives the notifications of an object store; [Notified] takes them from a queue.
// Those of a bucket that is not [Options.BucketName] are ignored, save where they
// name none.
func (s *Service) ObjectCreated(ctx context.Context, created notify.ObjectCreated) error {
	job, err := s.jobOfKey(ctx, created)
	if err != nil {
		return fmt.Errorf("ingest: look up the job of an object: %w", err)
	}
	if job == nil {
		s.opts.Observe(Event{Kind: EventObjectIgnored, Code: "not_asked"})
		return nil
	}
	switch job.State {
	case jobs.AwaitingUpload, jobs.Expired:
	case jobs.Cancelled: // nobody asks for it any more
		s.opts.Observe(Event{Kind: EventObjectIgnored, JobID: job.ID, Code: "cancelled"})
		return nil
	default:
		return nil // a repeat
	}
	_, err = s.look(ctx, job)
	return err
}

// jobOfKey finds the job that asked for exactly this key, or nil.
func (s *Service) jobOfKey(ctx context.Context, created notify.ObjectCreated) (*jobs.Job, error) {
	if created.Bucket != "" && created.Bucket != s.blobs.Name() {
		return nil, nil
	}
	if !strings.HasPrefix(created.Key, s.opts.Prefix+"/") || !blobstore.ValidKey(created.Key) {
		return nil, nil
	}
	name := path.Base(created.Key)
	id := strings.TrimSuffix(name, path.Ext(name))
	if !jobs.ValidID(id) && len(id) > 9 {
		id = id[:len(id)-9] // the name of a request with an Idempotency-Key ends in -xxxxxxxx
	}
	if !jobs.ValidID(id) {
		return nil, nil
	}
	job, err := s.back.Jobs.Get(ctx, id)
	if errors.Is(err, jobs.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if job.Payload.Key != created.Key || job.Source != jobs.PresignedUpload {
		return nil, nil
	}
	return job, nil
}

// look looks for the upload of a job that awaits it. It says whether the job
// has ended its waiting.
func (s *Service) look(ctx context.Context, job *jobs.Job) (bool, error) {
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
		return j.Arrive(now, jobs.Found{
			Size: object.Size, SHA256: object.SHA256,
			ContentType: object.ContentType, ContentEncoding: object.ContentEncoding, Version: object.Version,
		}, now.Add(s.opts.WakeAfter))
	})
	switch {
	case errors.Is(err, jobs.ErrState):
		return true, nil // somebody else saw it first
	case err != nil:
		return false, fmt.Errorf("ingest: accept an upload: %w", err)
	case why != "":
		s.opts.Observe(Event{Kind: EventFinished, JobID: job.ID, Source: string(job.Source), State: string(changed.State), Code: "upload-mismatch"})
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
			next = time.Time{} // enough
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
		s.opts.Observe(Event{Kind: EventFinished, JobID: job.ID, Source: string(job.Source), State: string(jobs.Expired)})
	}
	return changed.State == jobs.Expired, nil
}

// mismatch says how an object differs from what was asked for; empty if it does
// not. What a driver does not know is checked when the object is read.
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
