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
	// ContentType of the file: one of [UploadContentTypes], and the parameter
	// fhirVersion if it is of another version of FHIR than
	// [Options.FHIRVersion]. Default application/fhir+json.
	ContentType string
	// ContentLength in bytes that the upload must have; 0: any up to
	// [Options.MaxUploadBytes], or to what the store takes in one PUT.
	ContentLength int64
	// SHA256 that the upload must have, 64 hex digits; empty: any.
	SHA256 string
	// IdempotencyKey as in [AcceptRequest].
	IdempotencyKey string
}

// UploadTicket is all that a client needs in order to upload.
type UploadTicket struct {
	Job    *jobs.Job
	Upload *blobstore.SignedUpload
	// ExpiresIn is how long the URL can be used from now on: less than
	// [Options.UploadExpiry] where an Idempotency-Key repeats a request, or where the
	// URL ends with the credentials that signed it.
	ExpiresIn time.Duration
	// S3: the bucket is one of S3; see [blobstore.Store.S3].
	S3 bool
}

// uploadTypes are the content types of uploads in the order in which messages name
// them, and the name endings of their objects.
var uploadTypes = []struct{ media, ending string }{
	{"application/fhir+json", ".json"},
	{"application/json", ".json"},
	{"application/fhir+ndjson", ".ndjson"},
	{"application/x-ndjson", ".ndjson"},
	{"application/ndjson", ".ndjson"},
}

// UploadContentTypes are the content types of uploads, and the name endings
// that their objects get.
func UploadContentTypes() map[string]string {
	endings := make(map[string]string, len(uploadTypes))
	for _, t := range uploadTypes {
		endings[t.media] = t.ending
	}
	return endings
}

// errUploadType names what is allowed, and not what was asked for.
var errUploadType = func() *Error {
	names := make([]string, len(uploadTypes))
	for i, t := range uploadTypes {
		names[i] = t.media
	}
	return &Error{Kind: ErrInvalid, Message: "Invalid contentType. Allowed types: " + strings.Join(names, ", ")}
}()

// SignUpload creates a job that awaits its upload and signs a PUT for it.
// Errors: ErrInvalid, ErrTooLarge, ErrInFlight, ErrKeyReused, ErrState (under an
// Idempotency-Key, where the upload came already), ErrForbidden, ErrUnavailable.
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
	// Signed before it is recorded: a bucket that can't sign leaves no job.
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
	// A URL may end with the credentials that signed it; dates in URLs have whole
	// seconds.
	if ends := signed.ExpiresAt.Sub(job.CreatedAt); ends > 0 && lasts-ends >= time.Second {
		lasts = ends
	}
	return &UploadTicket{Job: stored, Upload: signed, ExpiresIn: lasts, S3: s.blobs.S3()}, nil
}

// awaitedJob returns the record of an upload that may come.
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
	// The spelling that Go CDK gives an object's content type, so that they compare.
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
	if b, ok := s.blobs.UploadBindings(); ok && b.MetadataInURL {
		// Elsewhere each of them would be one more header for the client to send.
		metadata["upload_id"], metadata["uploaded_by"] = job.ID, cmp.Or(job.UserID, "unknown")
	}
	ctx, cancel := left.inTime(ctx, 1) // some stores sign by a call of their own
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
		// Not the client's fault and not a passing one: an error of its own,
		// which the front door answers with 500 and the log explains.
		return nil, fmt.Errorf("ingest: sign upload: %w", err)
	}
	if err != nil {
		return nil, unavailable("sign upload", err)
	}
	return signed, nil
}

// nextLook says when to look for an upload that has not been seen: at growing
// intervals while the URL is valid, and right behind its end.
func nextLook(now, expires time.Time, looks int) time.Time {
	next := now.Add(30 * time.Second << min(looks, 6)) // up to 32 minutes
	if now.Before(expires) && next.After(expires) {
		return expires.Add(time.Second)
	}
	return next
}
