package ingest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"path"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/jobs"
)

// UploadRequest asks for a signed upload.
type UploadRequest struct {
	// ContentType of the file: one of [UploadContentTypes], with the parameter
	// fhirVersion if it differs from [Options.FHIRVersion]. Default
	// application/fhir+json.
	ContentType string
	// ContentLength that the upload must have, in bytes; 0: any up to
	// [Options.MaxUploadBytes] and the store's limit for one PUT.
	ContentLength int64
	// SHA256 that the upload must have, 64 hex digits; empty: any.
	SHA256 string
	// IdempotencyKey as in [AcceptRequest].
	IdempotencyKey string
}

// UploadTicket is everything that a client needs to upload.
type UploadTicket struct {
	Job    *jobs.Job
	Upload *blobstore.SignedUpload
	// ExpiresIn is how long the URL can be used from now on: less than
	// [Options.UploadExpiry] if an Idempotency-Key repeats a request, or if the URL
	// expires with the credentials that signed it.
	ExpiresIn time.Duration
	// S3 reports whether the bucket is on S3; see [blobstore.Store.S3].
	S3 bool
}

// uploadTypes are the content types of uploads, in the order of messages, and their
// objects' extensions.
var uploadTypes = []struct{ media, ending string }{
	{"application/fhir+json", ".json"},
	{"application/json", ".json"},
	{"application/fhir+ndjson", ".ndjson"},
	{"application/x-ndjson", ".ndjson"},
	{"application/ndjson", ".ndjson"},
}

// UploadContentTypes returns the content types of uploads and the extensions of their
// objects.
func UploadContentTypes() map[string]string {
	endings := make(map[string]string, len(uploadTypes))
	for _, t := range uploadTypes {
		endings[t.media] = t.ending
	}
	return endings
}

// errUploadType lists the allowed types and does not repeat the requested one.
var errUploadType = func() *Error {
	names := make([]string, len(uploadTypes))
	for i, t := range uploadTypes {
		names[i] = t.media
	}
	return &Error{Kind: ErrInvalid, Message: "Invalid contentType. Allowed types: " + strings.Join(names, ", ")}
}()

// SignUpload creates a job that awaits its upload and signs a PUT for it.
// Errors: ErrInvalid, ErrTooLarge, ErrInFlight, ErrKeyReused, ErrState (if the upload
// under an Idempotency-Key has already arrived), ErrForbidden, ErrUnavailable.
func (s *Service) SignUpload(ctx context.Context, who Caller, req UploadRequest) (*UploadTicket, error) {
	if err := who.check(); err != nil {
		return nil, err
	}
	if s.opts.NoUploads {
		return nil, &Error{Kind: ErrForbidden, Message: "Uploads by URL are not taken here; send Bundles to the webhook"}
	}
	ending, err := s.checkUpload(&req)
	if err != nil {
		return nil, err
	}
	id, name, err := newIDs(who, "upload", "", req.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	if req.IdempotencyKey != "" {
		leave, err := s.inFlight.enter(id)
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	job, err := s.awaitedJob(who, req, id, name+ending)
	if err != nil {
		return nil, err
	}
	left := s.storeTime()
	if err := s.backlog.admit(ctx, left, who.OrganizationID); err != nil {
		if there, findErr := s.earlierUpload(ctx, left, id, req.IdempotencyKey); findErr != nil || there == nil {
			return nil, err
		}
	}
	lasts := s.opts.UploadExpiry
	// Sign before recording the job, so that a failure leaves no job.
	signed, err := s.sign(ctx, left, job, lasts)
	if err != nil {
		return nil, err
	}
	stored, repeated, err := s.create(ctx, left, job)
	if err != nil {
		return nil, err
	}
	if repeated {
		lasts = stored.Upload.ExpiresAt.Sub(job.CreatedAt)
		if stored.State != jobs.AwaitingUpload || lasts <= 0 {
			return nil, &Error{Kind: ErrState, Message: "The upload under this Idempotency-Key has come or has expired"}
		}
		if signed, err = s.sign(ctx, left, stored, lasts); err != nil {
			return nil, err
		}
	}
	s.opts.Observe(Event{Kind: EventUploadSigned, JobID: stored.ID, Source: string(jobs.PresignedUpload)})
	// The URL may expire with the credentials that signed it; dates in URLs have whole
	// seconds.
	if ends := signed.ExpiresAt.Sub(job.CreatedAt); ends > 0 && lasts-ends >= time.Second {
		lasts = ends
	}
	return &UploadTicket{Job: stored, Upload: signed, ExpiresIn: lasts, S3: s.blobs.S3()}, nil
}

// awaitedJob returns the record of an upload to await.
func (s *Service) awaitedJob(who Caller, req UploadRequest, id, name string) (*jobs.Job, error) {
	now := s.now()
	key, err := blobstore.PayloadKey(s.opts.Prefix, who.OrganizationID, now, name)
	if err != nil {
		return nil, &Error{Kind: ErrForbidden, Message: "The organization's id can't be used in a key", Err: err}
	}
	job := &jobs.Job{
		ID:               id,
		OrganizationID:   who.OrganizationID,
		OrganizationName: who.OrganizationName,
		UserID:           who.UserID,
		Source:           jobs.PresignedUpload,
		State:            jobs.AwaitingUpload,
		Payload: jobs.Payload{
			Bucket: s.blobs.Name(), Key: key, ContentType: req.ContentType, Format: string(formatOf(path.Ext(name))),
		},
		Upload: &jobs.Upload{
			ExpiresAt: now.Add(s.opts.UploadExpiry), Size: req.ContentLength, SHA256: req.SHA256, MaxSize: s.opts.MaxUploadBytes,
		},
		MaxAttempts: s.opts.MaxAttempts,
		DueAt:       nextLook(now, now.Add(s.opts.UploadExpiry), 0),
		CreatedAt:   now,
		UpdatedAt:   now,
	}
	if req.IdempotencyKey != "" {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s", req.ContentType, req.ContentLength, req.SHA256))
		job.Fingerprint = hex.EncodeToString(sum[:])
	}
	return job, nil
}

func (s *Service) checkUpload(req *UploadRequest) (ending string, err error) {
	if req.ContentType == "" {
		req.ContentType = "application/fhir+json"
	}
	types := UploadContentTypes()
	media, params, err := mime.ParseMediaType(req.ContentType)
	delete(params, "fhirversion")
	ending, ok := types[media]
	if !ok || err != nil || len(params) > 0 {
		return "", errUploadType
	}
	if err := checkVersion(req.ContentType); err != nil {
		return "", &Error{Kind: ErrInvalid, Message: err.Error()}
	}
	// Spell it as Go CDK spells an object's content type, so that they compare.
	_, params, _ = mime.ParseMediaType(req.ContentType)
	req.ContentType = mime.FormatMediaType(media, params)
	switch {
	case req.ContentLength < 0:
		return "", &Error{Kind: ErrInvalid, Message: "contentLength must be a number of bytes, not negative"}
	case req.ContentLength > s.opts.MaxUploadBytes:
		return "", &Error{Kind: ErrTooLarge, Message: fmt.Sprintf("contentLength is above the limit of %d bytes", s.opts.MaxUploadBytes)}
	}
	return ending, checkDigest(&req.SHA256)
}

func formatOf(ending string) fhirbundle.Format {
	if ending == ".ndjson" {
		return fhirbundle.FormatNDJSON
	}
	return fhirbundle.FormatBundle
}

func (s *Service) sign(ctx context.Context, left *storeTime, job *jobs.Job, expiry time.Duration) (*blobstore.SignedUpload, error) {
	metadata := map[string]string{"job_id": job.ID, "organization_id": job.OrganizationID}
	if s.blobs.Enforces().MetadataInURL {
		// Otherwise the client would have to send each of them as a header.
		metadata["upload_id"], metadata["uploaded_by"] = job.ID, cmp.Or(job.UserID, "unknown")
	}
	ctx, cancel := left.inTime(ctx, 1) // some stores call a service to sign
	defer cancel()
	signed, err := s.blobs.SignUpload(ctx, job.Payload.Key, blobstore.UploadPolicy{
		ContentType: job.Payload.ContentType,
		Size:        job.Upload.Size,
		MaxSize:     job.Upload.MaxSize,
		SHA256:      job.Upload.SHA256,
		CreateOnly:  true,
		Metadata:    metadata,
		Expiry:      expiry,
	})
	if errors.Is(err, blobstore.ErrUnsupported) {
		// Neither the client's fault nor temporary: the HTTP handler answers with 500 and
		// the log explains it.
		return nil, fmt.Errorf("ingest: sign upload: %w", err)
	}
	if err != nil {
		return nil, unavailable("sign upload", err)
	}
	return signed, nil
}

// nextLook returns when to look for an upload that has not been seen: at growing intervals
// while the URL is valid, and right after it expires.
func nextLook(now, expires time.Time, looks int) time.Time {
	next := now.Add(30 * time.Second << min(looks, 6)) // up to 32 minutes
	if now.Before(expires) && next.After(expires) {
		return expires.Add(time.Second)
	}
	return next
}
