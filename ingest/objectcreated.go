package ingest

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/jobs"
)

// Reasons why a notification led to no job: the Code of [EventObjectIgnored], besides
// those of package notify.
const (
	codeOtherBucket = "other_bucket" // not this pipeline's bucket
	codeElsewhere   = "elsewhere"    // not below a prefix for payloads: mostly outputs
	codeWebhook     = "webhook"      // a webhook's payload, which needs no notification
	codeCancelled   = "cancelled"    // its job was cancelled
	codeRemoved     = "removed"      // its job's payload was already removed, so this one was too
	codeGone        = "gone"         // not asked for, and gone
	codeNotAsked    = "not_asked"    // below Options.Prefix, but no job awaits it
)

// ObjectCreated looks at an object that a notification names. If a job awaits it, the
// job is accepted; if it is below the prefix of [Options.Adopt], a job is created for it.
// Any other object is counted as [EventObjectIgnored]; if it is below [Options.Prefix] and
// belongs to neither a job nor a webhook, a warning is logged too. Notifications are not
// trusted: the object itself is looked up.
//
// An error means that a back end did not answer; give the notification back, or leave the
// object to the sweeper. ObjectCreated is safe for concurrent use. Use it for
// signedurl.HandlerOptions.OnCreated, for notify.NewHandler, and in programs that receive
// an object store's notifications themselves; a [Listener] takes them from a queue.
func (s *Service) ObjectCreated(ctx context.Context, created notify.ObjectCreated) error {
	switch {
	case created.Bucket != "" && created.Bucket != s.blobs.Name():
		s.ignored(codeOtherBucket, nil)
		return nil
	case !below(created.Key, s.opts.Prefix) && !s.adopts(created.Key):
		s.ignored(codeElsewhere, nil)
		return nil
	}
	job, err := s.jobOfKey(ctx, created.Key)
	switch {
	case err != nil:
		return fmt.Errorf("ingest: look up the job of an object: %w", err)
	case job != nil:
		return s.arrived(ctx, job)
	case s.adopts(created.Key):
		code, err := s.adopt(ctx, adoptRequest{key: created.Key, created: &created})
		s.notAdopted(ctx, created.Key, code)
		return err
	}
	return s.unasked(ctx, created.Key)
}

// arrived handles a notification for the object of a known job, depending on its state.
func (s *Service) arrived(ctx context.Context, job *jobs.Job) error {
	switch {
	case !job.Payload.RemovedAt.IsZero():
		return s.removeLate(ctx, job)
	case job.Source == jobs.Webhook:
		s.ignored(codeWebhook, job)
	case job.Source != jobs.PresignedUpload: // an adopted object has no id in its key
	case job.State == jobs.AwaitingUpload, job.State == jobs.Expired:
		_, err := s.findUpload(ctx, job)
		return err
	case job.State == jobs.Cancelled: // not needed any more
		s.ignored(codeCancelled, job)
	}
	return nil // otherwise a repeat
}

// removeLate removes an object that arrived after its job's payload was removed.
func (s *Service) removeLate(ctx context.Context, job *jobs.Job) error {
	if job.Source == jobs.Adopted {
		return nil
	}
	if _, err := s.blobs.RemoveAll(ctx, job.Payload.Key, true, false); err != nil {
		return fmt.Errorf("ingest: remove a late upload: %w", err)
	}
	s.ignored(codeRemoved, job)
	return nil
}

// unasked counts an object below Options.Prefix without a job. It may be the payload of a
// webhook whose job is not recorded yet, or whose record was removed.
func (s *Service) unasked(ctx context.Context, key string) error {
	object, err := s.blobs.Attributes(ctx, key)
	switch {
	case errors.Is(err, blobstore.ErrNotFound):
		s.ignored(codeGone, nil)
	case err != nil:
		return fmt.Errorf("ingest: look at an object without a job: %w", hideKey(err, key))
	case ownKey(key) && object.Metadata["job_id"] == idOf(key):
		s.ignored(codeWebhook, nil)
	default:
		s.opts.Logger.WarnContext(ctx, "object without a job; it is left alone", "code", codeNotAsked, "below", shown(key))
		s.ignored(codeNotAsked, nil)
	}
	return nil
}

// ignored counts an object that does not lead to a job.
func (s *Service) ignored(code string, job *jobs.Job) {
	e := Event{Kind: EventObjectIgnored, Code: code}
	if job != nil {
		e.JobID, e.Source = job.ID, string(job.Source)
	}
	s.opts.Observe(e)
}

// jobOfKey returns the job whose payload has exactly this key, or nil. It only finds jobs
// whose id is in the key: those of webhooks and signed uploads.
func (s *Service) jobOfKey(ctx context.Context, key string) (*jobs.Job, error) {
	id := idOf(key)
	if id == "" || !blobstore.ValidKey(key) {
		return nil, nil
	}
	job, err := s.back.Jobs.Get(ctx, id)
	if errors.Is(err, jobs.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if job.Payload.Key != key {
		return nil, nil
	}
	return job, nil
}

// idOf returns the job id in a payload's name; empty if there is none.
func idOf(key string) string {
	name := path.Base(key)
	id := strings.TrimSuffix(name, path.Ext(name))
	if !jobs.ValidID(id) && len(id) > saltLength {
		id = id[:len(id)-saltLength] // of a request with an Idempotency-Key: -xxxxxxxx
	}
	if !jobs.ValidID(id) {
		return ""
	}
	return id
}

// saltLength is what [newIDs] appends to the id in an object's name.
const saltLength = 9

// ownKey reports whether blobstore.PayloadKey could have made a key, below any prefix:
// …/{organization}/{yyyy}/{mm}/{dd}/{jobId}.json or .ndjson. Operators change prefixes;
// payloads below an earlier one are still fhirdock's.
func ownKey(key string) bool {
	parts := strings.Split(key, "/")
	n := len(parts)
	if n < 6 || idOf(key) == "" || !blobstore.ValidOrganization(parts[n-5]) {
		return false
	}
	return digits(parts[n-4], 4) && digits(parts[n-3], 2) && digits(parts[n-2], 2)
}

func digits(s string, n int) bool { return len(s) == n && strings.Trim(s, "0123456789") == "" }

// below reports whether a key is below a prefix.
func below(key, prefix string) bool { return strings.HasPrefix(key, prefix+"/") }
