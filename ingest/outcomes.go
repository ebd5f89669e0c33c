package ingest

import (
	"context"
	"encoding/json"
	"fmt"
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

// putOutcomes keeps what was rejected of a batch.
func (s *Service) putOutcomes(ctx context.Context, b *batch) error {
	var lines []byte
	for i := range b.rejected {
		line, err := json.Marshal(&b.rejected[i])
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	return s.outcomes.Job(stageID(b.Job)).Put(ctx, b.Start, b.End, []stage.Section{
		{Name: outcomesSection, Count: int64(len(b.rejected)), Data: lines},
	})
}

// publishOutcomes writes the outcomes file of a job from its parts, and returns
// its key; empty if nothing was rejected. It may be called again.
func (s *Service) publishOutcomes(ctx context.Context, job *jobs.Job) (string, error) {
	if job.Progress.Rejected == 0 {
		return "", nil
	}
	index, err := s.outcomes.Job(stageID(job)).Index(ctx)
	if err != nil {
		return "", err
	}
	key := s.opts.OutcomesPrefix + "/" + job.OrganizationID + "/" + job.ID + ".ndjson"
	r := index.Open(ctx, outcomesSection)
	defer r.Close()
	if err := stage.Write(ctx, s.back.Bucket, key, "application/x-ndjson", r); err != nil {
		return "", fmt.Errorf("write %s: %w", key, err)
	}
	return key, nil
}
