package ingest

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest/internal/stage"
	"github.com/fhirdock/fhirdock/jobs"
)

// Outcomes streams a job's rejected resources, as NDJSON of [Outcome]. It is empty if
// nothing was rejected, and after a cancelled job was cleared away. While the job is not
// finished it has the outcomes so far. The caller must close the reader; a Read that gets
// nothing from the bucket for Options.StoreTimeout fails. Errors: ErrNotFound,
// ErrForbidden, ErrUnavailable.
func (s *Service) Outcomes(ctx context.Context, who Caller, id string) (io.ReadCloser, error) {
	r := &outcomesReader{most: s.opts.StoreTimeout}
	ctx, r.cancel = context.WithCancelCause(ctx)
	r.timer = time.AfterFunc(r.most, func() { r.cancel(errNoAnswer) })
	src, err := s.openOutcomes(ctx, who, id)
	r.timer.Stop()
	if err != nil {
		r.cancel(nil)
		return nil, err
	}
	r.src, r.ctx = src, ctx
	return r, nil
}

func (s *Service) openOutcomes(ctx context.Context, who Caller, id string) (io.ReadCloser, error) {
	job, err := s.Job(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if job.OutcomesKey == "" {
		parts, partsErr := s.outcomes.Job(stageID(job)).Index(ctx)
		// Look at the job again after the parts: if it completed meanwhile, the parts are
		// gone and there is one file instead.
		if job, err = s.Job(ctx, who, id); err != nil {
			return nil, err
		}
		switch {
		case job.OutcomesKey != "":
		case partsErr != nil:
			return nil, unavailable("open outcomes", partsErr)
		default:
			return s.keptOutcomes(ctx, job, parts), nil
		}
	}
	r, err := s.blobs.Open(ctx, job.OutcomesKey, nil)
	if errors.Is(err, blobstore.ErrNotFound) {
		if job.State == jobs.Cancelled { // being cleared away
			return io.NopCloser(strings.NewReader("")), nil
		}
		return nil, errNoJob
	}
	if err != nil {
		return nil, unavailable("open outcomes", err)
	}
	return r, nil
}

// keptOutcomes reads the outcomes of a job that has no file of them yet.
func (s *Service) keptOutcomes(ctx context.Context, job *jobs.Job, parts *stage.Index) io.ReadCloser {
	r := parts.Open(ctx, outcomesSection)
	if len(parts.Sections) == 0 {
		return r
	}
	more := s.unlisted(job, parts.Count(outcomesSection))
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(r, strings.NewReader(more)), r}
}

var errNoAnswer = errors.New("no answer from the bucket within Options.StoreTimeout")

// outcomesReader ends a single read that hangs; it does not limit the total time.
type outcomesReader struct {
	src    io.ReadCloser
	ctx    context.Context // of the reads
	cancel context.CancelCauseFunc
	timer  *time.Timer // cancels
	most   time.Duration
}

func (r *outcomesReader) Read(p []byte) (int, error) {
	r.timer.Reset(r.most)
	n, err := r.src.Read(p)
	r.timer.Stop()
	if err != nil && err != io.EOF {
		if cause := context.Cause(r.ctx); cause != nil {
			err = cause
		}
		err = unavailable("read outcomes", err)
	}
	return n, err
}

func (r *outcomesReader) Close() error {
	defer r.cancel(nil)
	return r.src.Close()
}
