package ingest

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/fhirdock/fhirdock/ingest/internal/stage"
	"github.com/fhirdock/fhirdock/jobs"
)

// outcomesSection is the one section of a part of outcomes.
const outcomesSection = "outcomes"

// stageID is what parts of a job are kept under: a new run starts with none.
func stageID(job *jobs.Job) string {
	return job.OrganizationID + "/" + job.ID + "/" + strconv.Itoa(job.Run)
}

// keepOutcomes keeps what was rejected of a batch. If an earlier attempt kept outcomes of
// it and nothing is rejected now, they are removed, and only those: an attempt that has
// lost its job without knowing it must not touch what others have kept.
func (s *Service) keepOutcomes(ctx context.Context, b *batch, earlier stage.Batches) error {
	parts := s.outcomes.Job(stageID(b.Job))
	if len(b.rejected) == 0 {
		if !earlier[[2]int64{b.Start, b.End}] {
			return nil
		}
		return parts.Drop(ctx, b.Start, b.End)
	}
	// In the order of the payload, regardless of the order in which they were rejected.
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

// clearOutcomes removes the parts of outcomes that were published.
func (s *Service) clearOutcomes(ctx context.Context, job *jobs.Job) {
	if err := s.outcomes.Job(stageID(job)).Clear(ctx); err != nil {
		s.opts.Logger.WarnContext(ctx, "parts not removed", "job", job.ID, "error", err)
	}
}
