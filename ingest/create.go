package ingest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"

	"github.com/fhirdock/fhirdock/jobs"
)

// newIDs returns a job's id and the name of its object. Under an idempotency key the id
// is derived from (organization, route, scope, key), so that creating the job detects the
// repeat. The object's name is new each time, since several repeats may be writing before
// one of them creates the job.
func newIDs(who Caller, route, scope, idempotencyKey string) (id, name string, err error) {
	if idempotencyKey == "" {
		id = jobs.NewID()
		return id, id, nil
	}
	if len(idempotencyKey) > 255 {
		return "", "", &Error{Kind: ErrInvalid, Message: "The Idempotency-Key must not be longer than 255 bytes"}
	}
	parts := []string{who.OrganizationID, route, idempotencyKey}
	if scope != "" {
		parts = append(parts, scope)
	}
	id = jobs.DerivedID(parts...)
	var salt [4]byte
	rand.Read(salt[:]) // never fails
	return id, id + "-" + hex.EncodeToString(salt[:]), nil
}

// create records a new job. If it exists already with the same fingerprint, that job is
// returned as repeated. Errors: ErrKeyReused, ErrUnavailable; after the latter it is
// unknown whether the job was created. It continues if the client disconnects.
func (s *Service) create(ctx context.Context, left *storeTime, job *jobs.Job) (stored *jobs.Job, repeated bool, err error) {
	ctx = context.WithoutCancel(ctx)
	// Keep a fifth of the time to ask whether the job was created, if Create does not answer.
	trying, stop := left.inTime(ctx, 0.8)
	err = s.back.Jobs.Create(trying, job)
	stop()
	if err == nil {
		return job, false, nil
	}
	asking, stop := left.inTime(ctx, 1)
	defer stop()
	there, getErr := s.back.Jobs.Get(asking, job.ID)
	switch {
	case getErr != nil:
		return nil, false, unavailable("create job", err)
	case there.OrganizationID == job.OrganizationID && there.Payload.Key == job.Payload.Key:
		// The payload's key is unique to this request, so the job was created although
		// Create returned an error: a client library may have tried twice and found its
		// own first write.
		return there, false, nil
	case there.OrganizationID != job.OrganizationID || there.Fingerprint != job.Fingerprint || job.Fingerprint == "":
		return nil, false, errKeyReused
	}
	return there, true, nil
}

// discard removes an object that no job refers to. If that fails, the object only costs
// space.
func (s *Service) discard(ctx context.Context, key string) {
	ctx, cancel := s.inTime(context.WithoutCancel(ctx))
	defer cancel()
	if err := s.blobs.Delete(ctx, key); err != nil {
		s.opts.Logger.WarnContext(ctx, "object without a job not removed", "key", key, "error", err)
	}
}

// kindOf returns the name of an error's kind, for events.
func kindOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind.Error()
	}
	return "internal"
}

func total(counts map[string]int64) int64 {
	var n int64
	for _, c := range counts {
		n += c
	}
	return n
}
