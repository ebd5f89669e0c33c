package ingest

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/jobs"
)

// Reasons for not adopting an object below [Adoption.Prefix]: the Code of
// [EventObjectIgnored], besides those in objectcreated.go.
const (
	codeFolder   = "folder"      // a folder marker: its key ends in a slash
	codeBadKey   = "bad_key"     // a key that would not survive the pipeline unchanged
	codeOwnKey   = "own_key"     // a key that fhirdock could have made
	codeHasJob   = "has_job"     // its metadata has a job_id
	codeNoOwner  = "no_owner"    // Adoption.Owner returned ErrNotAdopted or an invalid organization
	codeTooOld   = "too_old"     // older than Adoption.MaxAge
	codeReplaced = "replaced"    // replaced by another version before it was seen
	codeOutside  = "not_adopted" // not below the prefix, or nothing is adopted
)

// adoptRequest asks for one object to be adopted.
type adoptRequest struct {
	key string
	// created is the notification that led to the object; nil without one.
	created *notify.ObjectCreated
	// jobID is the object's job according to the message of another service. The
	// object's metadata may name the same one.
	jobID string
}

// adopts reports whether objects with a key like this may be adopted.
func (s *Service) adopts(key string) bool {
	return s.opts.Adopt != nil && below(key, s.opts.Adopt.Prefix)
}

// adopt creates an object's job, unless there is one already. If the object is not
// adopted, code says why. An error means that a back end or Adoption.Owner did not
// answer.
func (s *Service) adopt(ctx context.Context, req adoptRequest) (code string, err error) {
	ctx, cancel := context.WithTimeout(ctx, bookkeeping)
	defer cancel()
	object, who, code, err := s.adoptable(ctx, req)
	if err != nil || code != "" {
		return code, err
	}
	id := s.adoptedID(object.Key, object.Version, object)
	if err := s.countReplaced(ctx, req.created, object); err != nil {
		return "", err
	}
	switch _, err := s.back.Jobs.Get(ctx, id); {
	case err == nil:
		return "", nil // a repeat
	case !errors.Is(err, jobs.ErrNotFound):
		return "", fmt.Errorf("ingest: look for the job of an adopted object: %w", err)
	}
	return "", s.createAdopted(ctx, id, who, object)
}

// adoptable returns an object's attributes and owner, or why it is not adopted.
func (s *Service) adoptable(ctx context.Context, req adoptRequest) (object *blobstore.Object, who Caller, code string, err error) {
	switch {
	case !s.adopts(req.key):
		return nil, who, codeOutside, nil
	case strings.HasSuffix(req.key, "/"):
		return nil, who, codeFolder, nil
	case !carried(req.key):
		return nil, who, codeBadKey, nil
	case ownKey(req.key):
		return nil, who, codeOwnKey, nil
	}
	object, err = s.blobs.Attributes(ctx, req.key)
	if errors.Is(err, blobstore.ErrNotFound) {
		return nil, who, codeGone, nil
	}
	if err != nil {
		return nil, who, "", fmt.Errorf("ingest: look at an object to adopt: %w", hideKey(err, req.key))
	}
	// Compare the store's times with the real clock, not with Options.Now.
	if !object.ModTime.IsZero() && time.Since(object.ModTime) > s.opts.Adopt.MaxAge {
		return nil, who, codeTooOld, nil
	}
	// fhirdock's predecessor wrote its own job_id; its message names the same one.
	if has := object.Metadata["job_id"]; has != "" && (has != req.jobID || jobs.ValidID(has)) {
		return nil, who, codeHasJob, nil
	}
	who, err = s.opts.Adopt.Owner(ctx, object)
	if err == nil {
		err = who.check()
	}
	if errors.Is(err, ErrNotAdopted) || errors.Is(err, ErrForbidden) {
		return nil, who, codeNoOwner, nil
	}
	if err != nil {
		return nil, who, "", fmt.Errorf("ingest: ask for the owner of an object: %w", err)
	}
	return object, who, "", nil
}

// notAdopted counts an object that was not adopted, under code.
func (s *Service) notAdopted(ctx context.Context, key, code string) {
	if code == "" {
		return
	}
	if code != codeFolder && code != codeGone {
		s.opts.Logger.WarnContext(ctx, "object not adopted; it is left alone", "code", code, "below", shown(key))
	}
	s.ignored(code, nil)
}

// adoptedID returns the id of the job for one version of an object. If the driver has no
// versions, size and time tell the object from its successors.
func (s *Service) adoptedID(key, version string, object *blobstore.Object) string {
	if version == "" {
		version = fmt.Sprintf("%d bytes at %d", object.Size, object.ModTime.UnixNano())
	}
	return jobs.DerivedID("adopted", s.blobs.Name(), key, version)
}

// countReplaced counts a version that a notification names if another one replaced it
// before a job was created for it: the pipeline never sees its content.
func (s *Service) countReplaced(ctx context.Context, created *notify.ObjectCreated, object *blobstore.Object) error {
	if created == nil {
		return nil
	}
	named := created.Version
	if named == "" {
		named = created.ETag
	}
	// s3upload marks a version's id with this prefix; an ETag has none.
	const versionID = "versionId="
	if named == "" || named == object.Version || versionID+named == object.Version || created.ETag == object.Version ||
		created.Version == "" && strings.HasPrefix(object.Version, versionID) { // can't compare an ETag
		return nil
	}
	for _, version := range []string{named, versionID + named, created.ETag} {
		_, err := s.back.Jobs.Get(ctx, s.adoptedID(object.Key, version, object))
		if err == nil {
			return nil // that version was adopted in time
		}
		if !errors.Is(err, jobs.ErrNotFound) {
			return fmt.Errorf("ingest: look for the job of a version that was replaced: %w", err)
		}
	}
	s.notAdopted(ctx, object.Key, codeReplaced)
	return nil
}

// createAdopted creates an object's job, in state failed if no worker could process the
// object.
func (s *Service) createAdopted(ctx context.Context, id string, who Caller, object *blobstore.Object) error {
	now := s.now()
	format, why := s.checkAdopted(object)
	job := &jobs.Job{
		ID:               id,
		OrganizationID:   who.OrganizationID,
		OrganizationName: who.OrganizationName,
		UserID:           who.UserID,
		Source:           jobs.Adopted,
		State:            jobs.AwaitingUpload,
		Payload:          jobs.Payload{Bucket: s.blobs.Name(), Key: object.Key, Format: string(format)},
		MaxAttempts:      s.opts.MaxAttempts,
		CreatedAt:        now,
		UpdatedAt:        now,
	}
	var err error
	if why == "" {
		err = job.Arrive(now, jobs.UploadedObject{
			Size: object.Size, SHA256: object.SHA256,
			ContentType: object.ContentType, ContentEncoding: object.ContentEncoding, Version: object.Version,
		})
	} else {
		job.Payload.Size = object.Size
		err = job.Reject(now, jobs.Failure{Code: "upload-mismatch", Message: why, At: now})
	}
	if err == nil {
		err = s.back.Jobs.Create(ctx, job)
	}
	if errors.Is(err, jobs.ErrExists) {
		return nil // another process saw the object at the same time
	}
	if err != nil {
		return fmt.Errorf("ingest: record the job of an adopted object: %w", err)
	}
	if why != "" {
		s.finished(ctx, job)
		return nil
	}
	s.opts.Observe(Event{Kind: EventAccepted, JobID: job.ID, Source: string(job.Source), Bytes: object.Size})
	s.wake(ctx, job)
	return nil
}

// checkAdopted returns the format of an object, and why it can't be processed, empty if
// it can. The content type decides. If it is not one for uploads, the key's extension
// does, since most tools that copy files guess the type or set none.
func (s *Service) checkAdopted(object *blobstore.Object) (format fhirbundle.Format, why string) {
	media, _, _ := mime.ParseMediaType(object.ContentType)
	ending, known := UploadContentTypes()[media]
	if !known {
		ending = strings.ToLower(path.Ext(object.Key))
	}
	switch ending {
	case ".json", ".ndjson":
	default:
		return "", "Neither the object's content type nor the ending of its name says that it is a Bundle (.json) or NDJSON (.ndjson)"
	}
	format = formatOf(ending)
	switch err := checkVersion(object.ContentType); {
	case known && err != nil:
		return format, err.Error()
	case object.Size > s.opts.MaxUploadBytes:
		return format, fmt.Sprintf("The object has %d bytes; %d are allowed", object.Size, s.opts.MaxUploadBytes)
	case object.ContentEncoding != "" && object.ContentEncoding != "identity":
		return format, "The object has a content encoding; none is taken"
	}
	return format, ""
}

// maxAdoptedKey is the longest key of an adopted object in bytes: S3's limit.
const maxAdoptedKey = 1024

// carried reports whether a key survives records, messages and responses unchanged.
func carried(key string) bool {
	if len(key) > maxAdoptedKey || !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl) {
		return false
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}
