package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest/internal/stage"
	"github.com/fhirdock/fhirdock/jobs"
)

// Codes of the last lines of an outcomes file that does not list all rejected resources.
// The message begins with the number of missing ones.
const (
	// CodeOutcomesLost: parts that were kept until the job's end were removed or damaged.
	CodeOutcomesLost = "outcomes-lost"
	// CodeOutcomesLimit: the file lists as many as [Options.MaxOutcomes] and
	// [Options.MaxOutcomeBytes] allow.
	CodeOutcomesLimit = "outcomes-limit"
)

// publishOutcomes writes the outcomes file of a job from its parts, and returns its key.
// If nothing was rejected the key is empty, and an earlier run's file is removed. The
// listed and missing outcomes add up to the number of rejected resources.
//
// It may be called again, even if the parts are gone, and by a worker that lost its lease:
// a later run's file is left alone, and so is one of this run that lists more.
func (s *Service) publishOutcomes(ctx context.Context, job *jobs.Job) (string, error) {
	key := s.outcomesKey(job)
	if job.Progress.Rejected == 0 && job.Run == 0 {
		return "", nil
	}
	there, err := s.publishedOutcomes(ctx, key)
	switch {
	case err != nil:
		return "", err
	case there.run > job.Run:
		return "", fmt.Errorf("%s is of run %d, and this is run %d: %w", key, there.run, job.Run, jobs.ErrLeaseLost)
	case job.Progress.Rejected > 0:
		return key, s.replaceOutcomes(ctx, job, key)
	case there.run == job.Run:
		return "", nil // by the worker that took over
	}
	if err := s.blobs.Delete(ctx, key); err != nil && !errors.Is(err, blobstore.ErrNotFound) {
		return "", fmt.Errorf("remove %s of the earlier run: %w", key, err)
	}
	return "", nil
}

func (s *Service) outcomesKey(job *jobs.Job) string {
	return s.opts.OutcomesPrefix + "/" + job.OrganizationID + "/" + job.ID + ".ndjson"
}

// dropOutcomes removes the outcomes of a cancelled job: its parts, and the file if it
// failed before it was cancelled. The file of an earlier completed run stays, as do that
// run's outputs.
func (s *Service) dropOutcomes(ctx context.Context, job *jobs.Job) error {
	if err := s.outcomes.Job(stageID(job)).Clear(ctx); err != nil || job.Progress.Rejected == 0 {
		return err
	}
	key := s.outcomesKey(job)
	there, err := s.publishedOutcomes(ctx, key)
	if err != nil || there.run != job.Run {
		return err
	}
	if err := s.blobs.Delete(ctx, key); err != nil && !errors.Is(err, blobstore.ErrNotFound) {
		return fmt.Errorf("remove %s: %w", key, err)
	}
	return nil
}

// replaceOutcomes writes the outcomes file of a job, unless the existing one lists more.
func (s *Service) replaceOutcomes(ctx context.Context, job *jobs.Job, key string) error {
	index, err := s.outcomes.Job(stageID(job)).Index(ctx)
	if err != nil {
		return err
	}
	if index.Count(outcomesSection) == listedBefore(&job.Progress) {
		err = s.writeOutcomes(ctx, job, key, index)
		if !errors.Is(err, stage.ErrDamaged) {
			return err
		}
	}
	if err := index.Verify(ctx); err != nil {
		return err
	}
	// A worker that took over, or an attempt that found all parts, may have published
	// meanwhile.
	there, err := s.publishedOutcomes(ctx, key)
	if err != nil {
		return err
	}
	if there.run > job.Run || there.run == job.Run && there.rejected >= job.Progress.Rejected && there.listed >= index.Count(outcomesSection) {
		return nil
	}
	s.opts.Logger.WarnContext(ctx, "parts of the outcomes are gone or damaged", "job", job.ID,
		"kept", index.Count(outcomesSection), "listed", listedBefore(&job.Progress))
	return s.writeOutcomes(ctx, job, key, index)
}

// Metadata of an outcomes file.
const (
	outcomesRun      = "run"
	outcomesListed   = "listed"   // lines with outcomes
	outcomesRejected = "rejected" // those and the missing ones
)

func (s *Service) writeOutcomes(ctx context.Context, job *jobs.Job, key string, index *stage.Index) error {
	listed := index.Count(outcomesSection)
	parts := index.Open(ctx, outcomesSection)
	defer parts.Close()
	missing := lostOutcomes(job, listedBefore(&job.Progress)-listed) + s.unlisted(job, listed)
	err := stage.Write(ctx, s.blobs.Bucket(), key, &blob.WriterOptions{
		ContentType: "application/x-ndjson",
		Metadata: map[string]string{
			outcomesRun:      strconv.Itoa(job.Run),
			outcomesListed:   strconv.FormatInt(listed, 10),
			outcomesRejected: strconv.FormatInt(job.Progress.Rejected, 10),
		},
	}, io.MultiReader(parts, strings.NewReader(missing)))
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

// lostOutcomes returns the line for n outcomes whose parts are gone.
func lostOutcomes(job *jobs.Job, n int64) string {
	return missingLine(job, n, CodeOutcomesLost, "what was kept of them is gone. Redrive the completed job to list them")
}

// unlisted returns the line for the outcomes over the job's limits, of which kept ones
// are listed.
func (s *Service) unlisted(job *jobs.Job, kept int64) string {
	return missingLine(job, job.Progress.Rejected-max(kept, listedBefore(&job.Progress)), CodeOutcomesLimit,
		fmt.Sprintf("they are not listed: a job lists at most %d, and %d bytes of them", s.opts.MaxOutcomes, s.opts.MaxOutcomeBytes))
}

// missingLine returns a line that stands for n outcomes; empty if n is 0.
func missingLine(job *jobs.Job, n int64, code, why string) string {
	if n <= 0 {
		return ""
	}
	line, _ := json.Marshal(&Outcome{Offset: job.Progress.Offset, Issues: []fhirbundle.Issue{{ // can't fail
		Code: code, Severity: fhirbundle.SeverityError, Offset: job.Progress.Offset,
		Message: fmt.Sprintf("%d more resources were rejected; %s", n, why),
	}}})
	return string(line) + "\n"
}

// outcomesFile is the metadata of an outcomes file.
type outcomesFile struct {
	run              int // -1 if there is no file
	listed, rejected int64
}

// publishedOutcomes reads the metadata of the existing outcomes file. One without our
// metadata counts as none.
func (s *Service) publishedOutcomes(ctx context.Context, key string) (outcomesFile, error) {
	none := outcomesFile{run: -1}
	attrs, err := s.blobs.Bucket().Attributes(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return none, nil
	}
	if err != nil {
		return none, fmt.Errorf("look at %s: %w", key, err)
	}
	run, err1 := strconv.Atoi(attrs.Metadata[outcomesRun])
	listed, err2 := strconv.ParseInt(attrs.Metadata[outcomesListed], 10, 64)
	rejected, err3 := strconv.ParseInt(attrs.Metadata[outcomesRejected], 10, 64)
	if errors.Join(err1, err2, err3) != nil {
		return none, nil
	}
	return outcomesFile{run, listed, rejected}, nil
}
