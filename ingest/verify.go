package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest/internal/stage"
	"github.com/fhirdock/fhirdock/jobs"
)

// Every byte of a payload is checked before it is read, in blocks, so that an attempt can
// continue in the middle of a file. The check uses the SHA-256 in the job's record, which is
// authoritative, and for a payload of more than one block a list of the SHA-256 states at
// the end of each block. The store keeps the list if it can (dirblob), otherwise it is in
// staging. If it is gone or wrong it is made again, by reading the payload once and
// comparing its digest with the record's.

// verified opens the payload so that only verified bytes can be read.
func (a *attempt) verified(ctx context.Context, offset int64) (io.ReadCloser, error) {
	p := a.lease.current().Payload
	return a.openWith(ctx, &blobstore.OpenOptions{
		Offset: offset, Version: p.Version, Size: p.Size, SHA256: p.SHA256, Blocks: a.blocks,
	})
}

func (a *attempt) openWith(ctx context.Context, opts *blobstore.OpenOptions) (io.ReadCloser, error) {
	r, err := a.w.svc.blobs.Open(ctx, a.lease.current().Payload.Key, opts)
	if err != nil {
		return nil, a.readError(err)
	}
	a.lease.moved()
	return movingReader{r, a.lease}, nil
}

// verifiable reports whether the payload can be verified while it is read, and looks for
// the list of its blocks.
func (a *attempt) verifiable(ctx context.Context) (bool, error) {
	job := a.lease.current()
	if job.Payload.SHA256 == "" {
		return false, nil
	}
	if job.Payload.Size <= blobstore.BlockSize {
		return true, nil
	}
	var err error
	a.blocks, err = a.w.svc.findBlocks(ctx, &job.Payload, job)
	return a.blocks != nil, err
}

// survey reads the payload to its end, compares its digest with the known or declared one,
// keeps the list of its blocks, and returns the digest. read may read some of the payload
// first; its result only counts if the digest is right.
func (a *attempt) survey(ctx context.Context, read func(io.Reader) error) (string, error) {
	job := a.lease.current()
	p := job.Payload
	// The version identifies the object only if there is no digest.
	opts := &blobstore.OpenOptions{Version: p.Version, Size: p.Size}
	if p.SHA256 != "" && !a.w.svc.blobs.PinsVersions() {
		opts.Version = ""
	}
	src, err := a.openWith(ctx, opts)
	if err != nil {
		return "", err
	}
	defer src.Close()
	var list bytes.Buffer
	sum := blobstore.NewBlockHash(&list)
	tee := io.TeeReader(src, sum)
	var readErr error
	if read != nil {
		readErr = read(tee)
	}
	if failed, ok := errors.AsType[*Failure](readErr); readErr != nil && (!ok || !failed.Permanent) {
		return "", readErr
	}
	if _, err := io.CopyBuffer(sum, src, make([]byte, 256<<10)); err != nil {
		return "", a.readError(err)
	}
	digest := sum.SHA256()
	switch {
	case p.SHA256 != "" && digest != p.SHA256:
		return "", a.readError(fmt.Errorf("%w: %w", blobstore.ErrChanged, blobstore.ErrDigest))
	case p.SHA256 == "" && job.Upload != nil && job.Upload.SHA256 != "" && digest != job.Upload.SHA256:
		return "", &Failure{Code: "upload-mismatch", Message: "The upload does not have the SHA-256 that was promised", Permanent: true}
	case readErr != nil:
		return "", readErr
	}
	if list.Len() > 0 {
		if err := a.w.svc.keepBlocks(ctx, job, list.Bytes()); err != nil {
			return "", err
		}
		a.blocks = bytes.NewReader(list.Bytes())
	}
	return digest, nil
}

// check makes sure that the payload can be verified while it is read, and reads an upload
// to its end before any of it is handed over: a Bundle is validated.
func (a *attempt) check(ctx context.Context) error {
	job := a.lease.current()
	if job.Payload.Validated && job.Progress.Offset > 0 && job.Progress.Offset == job.Payload.Size {
		return nil // everything was handed over
	}
	ok, err := a.verifiable(ctx)
	if err != nil || ok && job.Payload.Validated {
		return err
	}
	digest := job.Payload.SHA256
	var report *fhirbundle.Report
	validate := func(src io.Reader) (err error) {
		report, err = a.validate(src, &job.Payload)
		return err
	}
	if job.Payload.Validated || job.Payload.Format == string(fhirbundle.FormatNDJSON) {
		validate = nil // NDJSON is validated line by line while it is handed over
	}
	switch {
	case !ok:
		digest, err = a.survey(ctx, validate)
	case validate != nil:
		var src io.ReadCloser
		if src, err = a.verified(ctx, 0); err == nil {
			err = validate(src)
			src.Close()
		}
	}
	if err != nil || job.Payload.Validated && digest == job.Payload.SHA256 {
		return err
	}
	return a.record(ctx, func(j *jobs.Job) {
		j.Payload.Validated = true
		j.Payload.SHA256 = digest
		if report != nil {
			j.Payload.BundleType = report.BundleType
			j.ResourceCounts = report.ResourceCounts
			j.Issues = rawIssues(report.Issues)
		}
	})
}

// validate reads a Bundle to its end and validates it.
func (a *attempt) validate(src io.Reader, p *jobs.Payload) (*fhirbundle.Report, error) {
	report, err := fhirbundle.Validate(src, a.w.svc.reading(fhirbundle.FormatBundle, p.ContentType))
	if err != nil {
		return nil, a.readError(err)
	}
	if err := report.Err(); err != nil {
		return nil, &Failure{Code: "invalid", Message: err.Error(), Permanent: true, issues: report.Issues}
	}
	return report, nil
}

// damaged decides after a bad block whether the payload has changed, which is permanent, or
// whether only the list of its blocks or that one read was bad.
func (a *attempt) damaged(ctx context.Context, err error) error {
	if _, surveyErr := a.survey(ctx, nil); surveyErr != nil {
		return surveyErr
	}
	return &Failure{Code: "payload-read", Message: "The payload could not be read to its end", Err: err}
}

func (s *Service) blocksKey(job *jobs.Job) string {
	return s.opts.stagingBlocks() + "/" + job.OrganizationID + "/" + job.ID
}

func (s *Service) keepBlocks(ctx context.Context, job *jobs.Job, list []byte) error {
	err := stage.Write(ctx, s.blobs.Bucket(), s.blocksKey(job), &blob.WriterOptions{ContentType: "application/octet-stream", BeforeWrite: blobstore.Plain}, bytes.NewReader(list))
	if err != nil {
		return fmt.Errorf("ingest: keep the blocks of a payload: %w", err)
	}
	return nil
}

// findBlocks returns the list of a payload's blocks, or nil if there is none: first the one
// made by reading, which replaces a wrong one in the store.
func (s *Service) findBlocks(ctx context.Context, p *jobs.Payload, job *jobs.Job) (io.ReaderAt, error) {
	want := blobstore.BlocksSize(p.Size)
	attrs, err := s.blobs.Bucket().Attributes(ctx, s.blocksKey(job))
	if err == nil && attrs.Size == want {
		return &stagedBlocks{ctx: ctx, bucket: s.blobs.Bucket(), key: s.blocksKey(job)}, nil
	}
	if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return nil, fmt.Errorf("ingest: look for the blocks of a payload: %w", err)
	}
	object, err := s.blobs.Attributes(ctx, p.Key)
	switch {
	case errors.Is(err, blobstore.ErrNotFound):
		return nil, nil // reading the payload reports it
	case err != nil:
		return nil, fmt.Errorf("ingest: look for the blocks of a payload: %w", hideKeyOf(job, err))
	case object.SHA256 != p.SHA256 || int64(len(object.Blocks)) != want:
		return nil, nil
	}
	return bytes.NewReader(object.Blocks), nil
}

// keepBlocksOf keeps the list of blocks of a payload just written, if the store does not.
// If that fails, a worker makes the list again.
func (s *Service) keepBlocksOf(ctx context.Context, job *jobs.Job, object *blobstore.Object) {
	if object.Size <= blobstore.BlockSize {
		return
	}
	ctx, cancel := s.inTime(context.WithoutCancel(ctx))
	defer cancel()
	found, err := s.findBlocks(ctx, &job.Payload, job)
	if err == nil && found == nil {
		err = s.keepBlocks(ctx, job, object.Blocks)
	}
	if err != nil {
		s.opts.Logger.WarnContext(ctx, "blocks of a payload not kept; a worker will read it once more", "job", job.ID, "error", err)
	}
}

// dropBlocks removes a list of blocks that is not needed any more.
func (s *Service) dropBlocks(ctx context.Context, job *jobs.Job) error {
	if job.Payload.Size <= blobstore.BlockSize {
		return nil
	}
	if err := s.blobs.Bucket().Delete(ctx, s.blocksKey(job)); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("ingest: remove the blocks of a payload: %w", err)
	}
	return nil
}

// stagedBlocks reads a list of blocks in staging, a page at a time.
type stagedBlocks struct {
	ctx    context.Context // of the attempt
	bucket *blob.Bucket
	key    string
}

func (b *stagedBlocks) ReadAt(p []byte, offset int64) (int, error) {
	r, err := b.bucket.NewRangeReader(b.ctx, b.key, offset, int64(len(p)), nil)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.ReadFull(r, p)
}
