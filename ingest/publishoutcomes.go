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

// CodeOutcomesLost is the code of the last line of an outcomes file that does not
// list all rejected resources, because parts that were kept until the job's end were
// removed or damaged; its message says how many are missing.
const CodeOutcomesLost = "outcomes-lost"

// publishOutcomes writes the outcomes file of a job from its parts, and returns
// its key; empty if nothing was rejected, and then an earlier run's file is
// removed. What is listed and what is said to be missing add up to what was
// rejected. It may be called again, also when the parts are gone, and by a worker
// that lost its lease: a file that lists more is never written over by one that
// lists less.
func (s *Service) publishOutcomes(ctx context.Context, job *jobs.Job) (string, error) {
	key := s.opts.OutcomesPrefix + "/" + job.OrganizationID + "/" + job.ID + ".ndjson"
	if job.Progress.Rejected == 0 {
		if job.Run == 0 {
			return "", nil
		}
		if err := s.blobs.Delete(ctx, key); err != nil && !errors.Is(err, blobstore.ErrNotFound) {
			return "", fmt.Errorf("remove %s of the run before: %w", key, err)
		}
		return "", nil
	}
	index, err := s.outcomes.Job(stageID(job)).Index(ctx)
	if err != nil {
		return "", err
	}
	if index.Count(outcomesSection) == job.Progress.Rejected {
		err = s.writeOutcomes(ctx, job, key, index)
		if !errors.Is(err, stage.ErrDamaged) {
			return key, err
		}
	}
	if err := index.Verify(ctx); err != nil {
		return "", err
	}
	switch listed, err := s.listedOutcomes(ctx, job, key); {
	case err != nil:
		return "", err
	case listed >= index.Count(outcomesSection):
		return key, nil // of an attempt that found them all
	}
	s.opts.Logger.WarnContext(ctx, "parts of the outcomes are gone or damaged", "job", job.ID,
		"listed", index.Count(outcomesSection), "rejected", job.Progress.Rejected)
	return key, s.writeOutcomes(ctx, job, key, index)
}

// Metadata of an outcomes file.
const (
	outcomesRun    = "run"
	outcomesListed = "listed"
)

func (s *Service) writeOutcomes(ctx context.Context, job *jobs.Job, key string, index *stage.Index) error {
	listed := index.Count(outcomesSection)
	parts := index.Open(ctx, outcomesSection)
	defer parts.Close()
	missing, err := missingOutcomes(job, job.Progress.Rejected-listed)
	if err != nil {
		return err
	}
	err = stage.Write(ctx, s.back.Bucket, key, &blob.WriterOptions{
		ContentType: "application/x-ndjson",
		Metadata:    map[string]string{outcomesRun: strconv.Itoa(job.Run), outcomesListed: strconv.FormatInt(listed, 10)},
	}, io.MultiReader(parts, strings.NewReader(missing)))
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

// missingOutcomes is the line that stands for n outcomes that are not listed.
func missingOutcomes(job *jobs.Job, n int64) (string, error) {
	if n <= 0 {
		return "", nil
	}
	line, err := json.Marshal(&Outcome{Offset: job.Progress.Offset, Issues: []fhirbundle.Issue{{
		Code: CodeOutcomesLost, Severity: fhirbundle.Error, Offset: job.Progress.Offset,
		Message: fmt.Sprintf("%d more resources were rejected; what was kept of them is gone. Redrive the completed job to list them", n),
	}}})
	return string(line) + "\n", err
}

// listedOutcomes says how many outcomes the file of this run lists; -1 where there is none.
func (s *Service) listedOutcomes(ctx context.Context, job *jobs.Job, key string) (int64, error) {
	attrs, err := s.back.Bucket.Attributes(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return -1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at %s: %w", key, err)
	}
	listed, err := strconv.ParseInt(attrs.Metadata[outcomesListed], 10, 64)
	if err != nil || attrs.Metadata[outcomesRun] != strconv.Itoa(job.Run) {
		return -1, nil
	}
	return listed, nil
}
