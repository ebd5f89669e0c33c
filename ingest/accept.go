package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"strconv"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/jobs"
)

// AcceptRequest is a Bundle to accept.
type AcceptRequest struct {
	// Body is read once, as a stream. It is parsed and stored as the Caller's while it
	// is read: verify credentials that cover it, such as a signature, before Accept.
	Body io.Reader
	// ContentType as sent. Its parameter fhirVersion gives the version of FHIR.
	// Default application/fhir+json, of Options.FHIRVersion.
	ContentType string
	// ContentEncoding as sent. Only empty and identity are accepted.
	ContentEncoding string
	// ContentLength in bytes, or -1 or 0 if unknown.
	ContentLength int64
	// SHA256 of the body in hex, to be checked. Default: not checked.
	SHA256 string
	// IdempotencyKey makes repeats of the request the same job, as long as the
	// job's record is kept; see [Service.Accept]. At most 255 bytes. Default: none.
	IdempotencyKey string
	// KeyScope separates the idempotency keys of different senders or endpoints of
	// one organization. Default: one scope for the organization.
	KeyScope string
}

// Accept validates, stores and records a Bundle in one pass. When it returns
// without error the payload and its job are durable. Errors: ErrInvalid (with
// issues, or if the body could not be read to its end), ErrTooLarge,
// ErrMediaType, ErrInFlight, ErrKeyReused, ErrForbidden,
// ErrUnavailable.
//
// The job store has [Options.StoreTimeout] for its part of the request. If it does not
// answer when the job is recorded, Accept returns ErrUnavailable without knowing whether
// the job was created: the payload stays, and EventUnrecorded is observed. Repeat the
// request under the same idempotency key.
//
// There is one job for an organization and an idempotency key. A repeat with the same
// bytes and version of FHIR gets that job, in whatever state it is, and writes nothing;
// one with other bytes gets ErrKeyReused. While a request is in progress in this process,
// another one under its key gets ErrInFlight. If it is in progress in another process,
// both continue and the job store decides which of them creates the job: the other
// removes its object and answers like a repeat. A refused request leaves its key free.
func (s *Service) Accept(ctx context.Context, who Caller, req AcceptRequest) (*Receipt, error) {
	began := s.now()
	receipt, err := s.accept(ctx, who, req, began)
	if err != nil {
		s.opts.Observe(Event{Kind: EventRefused, Source: string(jobs.Webhook), Code: kindOf(err), Duration: s.now().Sub(began)})
		return nil, err
	}
	if !receipt.Repeated {
		s.opts.Observe(Event{Kind: EventAccepted, JobID: receipt.Job.ID, Source: string(jobs.Webhook),
			Bytes: receipt.Job.Payload.Size, Resources: total(receipt.Job.ResourceCounts), Duration: s.now().Sub(began)})
	}
	return receipt, nil
}

func (s *Service) accept(ctx context.Context, who Caller, req AcceptRequest, now time.Time) (*Receipt, error) {
	if err := s.checkAccept(who, &req); err != nil {
		return nil, err
	}
	id, name, err := newIDs(who, "webhook", req.KeyScope, req.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	key, err := blobstore.PayloadKey(s.opts.Prefix, who.OrganizationID, now, name+".json")
	if err != nil {
		return nil, &Error{Kind: ErrForbidden, Message: "The organization's id can't be used in a key", Err: err}
	}
	left := s.storeTime()
	if req.IdempotencyKey != "" {
		leave, err := s.inFlight.enter(id)
		if err != nil {
			return nil, err
		}
		defer leave()
		switch there, err := s.earlier(ctx, left, id); {
		case err != nil:
			return nil, err
		case there != nil:
			return s.repeat(there, who, &req)
		}
	}

	if err := s.backlog.admit(ctx, left, who.OrganizationID); err != nil {
		return nil, err
	}

	object, report, err := s.store(ctx, key, id, who, &req)
	if err != nil {
		return nil, err
	}
	job := &jobs.Job{
		ID:               id,
		OrganizationID:   who.OrganizationID,
		OrganizationName: who.OrganizationName,
		UserID:           who.UserID,
		Source:           jobs.Webhook,
		State:            jobs.Accepted,
		Payload: jobs.Payload{
			Bucket: s.blobs.Name(), Key: key, Size: object.Size, SHA256: object.SHA256,
			ContentType: req.ContentType, Version: object.Version,
			Format: string(fhirbundle.FormatBundle), BundleType: report.BundleType, Validated: true,
		},
		ResourceCounts: report.ResourceCounts,
		Issues:         rawIssues(report.Issues),
		MaxAttempts:    s.opts.MaxAttempts,
		DueAt:          now.Add(jobs.Overdue),
		CreatedAt:      now,
		UpdatedAt:      now,
	}
	if req.IdempotencyKey != "" {
		job.Fingerprint = fingerprint(req.ContentType, object.SHA256)
	}
	stored, repeated, err := s.create(ctx, left, job)
	if err != nil || repeated {
		// Either the job has another payload or there is no job, so nothing refers to
		// this object. If it is unknown whether the job was created, keep the object.
		if repeated || !errors.Is(err, ErrUnavailable) {
			s.discard(ctx, key)
		} else {
			s.opts.Logger.WarnContext(ctx, "payload stored, but unknown whether its job was created; the object stays", "job", id)
			s.opts.Observe(Event{Kind: EventUnrecorded, JobID: id, Source: string(jobs.Webhook), Bytes: object.Size})
		}
		if err != nil {
			return nil, err
		}
		return &Receipt{Job: stored, Warnings: Issues(stored.Issues), Repeated: true}, nil
	}
	s.keepBlocksOf(ctx, stored, object)
	s.wake(ctx, stored)
	return &Receipt{Job: stored, Warnings: report.Issues}, nil
}

func (s *Service) checkAccept(who Caller, req *AcceptRequest) error {
	if err := who.check(); err != nil {
		return err
	}
	if req.ContentType == "" {
		req.ContentType = "application/fhir+json"
	}
	if err := checkVersion(req.ContentType); err != nil {
		return err
	}
	if enc := req.ContentEncoding; enc != "" && !strings.EqualFold(enc, "identity") {
		return &Error{Kind: ErrMediaType, Message: "Unsupported Content-Encoding; send the body as it is"}
	}
	if req.ContentLength > s.opts.MaxBodyBytes {
		return s.tooLarge()
	}
	return checkDigest(&req.SHA256)
}

// checkVersion refuses a content type with an unknown version of FHIR.
func checkVersion(contentType string) error {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return &Error{Kind: ErrMediaType, Message: "Malformed Content-Type", Err: err}
	}
	if _, ok := fhirbundle.VersionOf(contentType); !ok && params["fhirversion"] != "" {
		return &Error{Kind: ErrMediaType, Message: "Unsupported fhirVersion; allowed are 4.0, 4.3 and 5.0"}
	}
	return nil
}

func (s *Service) tooLarge() error {
	return &Error{Kind: ErrTooLarge, Message: "Request body is larger than " + strconv.FormatInt(s.opts.MaxBodyBytes, 10) +
		" bytes; ask for an upload URL instead"}
}

func checkDigest(digest *string) error {
	if *digest == "" {
		return nil
	}
	*digest = strings.ToLower(*digest)
	if raw, err := hex.DecodeString(*digest); err != nil || len(raw) != sha256.Size {
		return &Error{Kind: ErrInvalid, Message: "The SHA-256 must be 64 hexadecimal digits"}
	}
	return nil
}

// store validates the body and writes it, in one pass. A refused body leaves no object.
func (s *Service) store(ctx context.Context, key, id string, who Caller, req *AcceptRequest) (*blobstore.Object, *fhirbundle.Report, error) {
	in, err := s.receive(ctx, key, req, map[string]string{"job_id": id, "organization_id": who.OrganizationID})
	if err != nil {
		return nil, nil, err
	}
	defer in.abort() // does nothing after commit
	report, err := in.validate(s.reading(fhirbundle.FormatBundle, req.ContentType))
	if err == nil {
		err = verdict(report)
	}
	if err == nil && req.SHA256 != "" {
		err = matchDigest(req.SHA256, in.digest())
	}
	if err != nil {
		return nil, nil, err
	}
	object, err := in.commit(report)
	return object, report, err
}

func verdict(report *fhirbundle.Report) error {
	err := report.Err()
	if err == nil {
		return nil
	}
	return &Error{Kind: ErrInvalid, Message: err.Error(), Issues: report.Issues, Err: err}
}

func matchDigest(want, got string) error {
	if want == got {
		return nil
	}
	return &Error{Kind: ErrInvalid, Message: "The body does not have the SHA-256 that was promised"}
}
