package ingest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest/internal/stage"
	"github.com/fhirdock/fhirdock/jobs"
)

// outcomesSection is the one section of a part of outcomes.
const outcomesSection = "outcomes"

// stageID is what parts of a job are kept under: a new run starts with none.
func stageID(job *jobs.Job) string {
	return job.OrganizationID + "/" + job.ID + "/" + strconv.Itoa(job.Run)
}

// keepOutcomes keeps what was rejected of a batch. repeated says that the batch
// may have been handed over before: what was rejected of it then does not count
// any more.
func (s *Service) keepOutcomes(ctx context.Context, b *batch, repeated bool) error {
	parts := s.outcomes.Job(stageID(b.Job))
	if len(b.rejected) == 0 {
		if !repeated {
			return nil
		}
		return parts.Drop(ctx, b.Start, b.End)
	}
	// In the order of the payload, whichever way round the handler refused them.
	slices.SortStableFunc(b.rejected, func(x, y Outcome) int { return cmp.Compare(x.Offset, y.Offset) })
	var lines []byte
	for i := range b.rejected {
		line, err := json.Marshal(&b.rejected[i])
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	return parts.Put(ctx, b.Start, b.End, []stage.Section{
		{Name: outcomesSection, Count: int64(len(b.rejected)), Data: lines},
	})
}

// errOutcomesTaken: another worker has published a job's outcomes and taken the parts
// away; its file is whole.
var errOutcomesTaken = errors.New("parts of the outcomes are gone")

// publishOutcomes writes the outcomes file of a job from its parts, and returns
// its key; empty if nothing was rejected, and then an earlier run's file is
// removed. It may be called again.
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
	if n := index.Count(outcomesSection); n < job.Progress.Rejected {
		return "", fmt.Errorf("%w: %d of %d are there", errOutcomesTaken, n, job.Progress.Rejected)
	}
	r := index.Open(ctx, outcomesSection)
	defer r.Close()
	if err := stage.Write(ctx, s.back.Bucket, key, "application/x-ndjson", r); err != nil {
		return "", fmt.Errorf("write %s: %w", key, err)
	}
	return key, nil
}
