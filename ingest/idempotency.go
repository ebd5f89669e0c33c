package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"sync"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/jobs"
)

// maxInFlight bounds the registry of keys in flight. Beyond it, only the job store
// detects repeats, as it does between processes.
const maxInFlight = 1 << 16

// inFlight holds the idempotency keys of the requests in progress in this process, each as
// the id of its job, which is derived from organization, route and key. It only lets
// repeats fail early; creating the job decides which request wins.
type inFlight struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

var errInFlight = &Error{Kind: ErrInFlight, Message: "A request under this idempotency key is under way"}

// enter registers an id until leave is called, or returns ErrInFlight. leave is
// never nil.
func (f *inFlight) enter(id string) (leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.ids[id]; ok {
		return func() {}, errInFlight
	}
	if len(f.ids) >= maxInFlight {
		return func() {}, nil
	}
	if f.ids == nil {
		f.ids = make(map[string]struct{})
	}
	f.ids[id] = struct{}{}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.ids, id)
	}, nil
}

var errKeyReused = &Error{Kind: ErrKeyReused, Message: "The idempotency key was used before, with another payload"}

// fingerprint identifies a Bundle for its idempotency key: by its digest, and by the
// version of FHIR if the request named one. The media type makes no difference.
func fingerprint(contentType, digest string) string {
	if version, ok := fhirbundle.VersionOf(contentType); ok {
		return string(version) + ":" + digest
	}
	return digest
}

// earlier returns the job that was created under an idempotency key before, or nil.
func (s *Service) earlier(ctx context.Context, left *storeTime, id string) (*jobs.Job, error) {
	ctx, cancel := left.inTime(ctx, 1)
	defer cancel()
	job, err := s.back.Jobs.Get(ctx, id)
	if errors.Is(err, jobs.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable("look for an earlier job", err)
	}
	return job, nil
}

// earlierUpload returns the job of an upload that was requested under an idempotency key
// before, or nil. The key may be empty.
func (s *Service) earlierUpload(ctx context.Context, left *storeTime, id, key string) (*jobs.Job, error) {
	if key == "" {
		return nil, nil
	}
	return s.earlier(ctx, left, id)
}

// repeat answers a request whose idempotency key already has a job. It only computes the
// body's digest, and writes nothing.
func (s *Service) repeat(there *jobs.Job, who Caller, req *AcceptRequest) (*Receipt, error) {
	if there.OrganizationID != who.OrganizationID || there.Fingerprint == "" {
		return nil, errKeyReused
	}
	// Don't read a body that can't be the same payload, nor more of it than the payload's
	// size.
	if req.ContentLength > 0 && req.ContentLength != there.Payload.Size ||
		req.SHA256 != "" && fingerprint(req.ContentType, req.SHA256) != there.Fingerprint {
		return nil, errKeyReused
	}
	limit := min(s.opts.MaxBodyBytes, there.Payload.Size)
	sum := sha256.New()
	_, err := io.Copy(sum, &bodyReader{src: req.Body, left: limit})
	switch {
	case errors.Is(err, errBodyLimit) && limit < s.opts.MaxBodyBytes:
		return nil, errKeyReused
	case err != nil:
		return nil, s.bodyError(err)
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	if req.SHA256 != "" {
		if err := matchDigest(req.SHA256, digest); err != nil {
			return nil, err
		}
	}
	if fingerprint(req.ContentType, digest) != there.Fingerprint {
		return nil, errKeyReused
	}
	return &Receipt{Job: there, Warnings: Issues(there.Issues), Repeated: true}, nil
}
