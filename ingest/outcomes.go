package ingest

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest/internal/stage"
	"github.com/fhirdock/fhirdock/jobs"
)

// outcomesSection is the only section of a part of outcomes.
const outcomesSection = "outcomes"

// stageID is the id that a job's parts are kept under: each run has its own.
func stageID(job *jobs.Job) string {
	return job.OrganizationID + "/" + job.ID + "/" + strconv.Itoa(job.Run)
}

// keepOutcomes keeps the rejections of a batch, up to the limits of the job's outcomes, and
// adds them to the progress. What is listed depends only on the progress before the batch,
// so that it is the same whenever the batch is redelivered.
//
// If an earlier attempt kept outcomes of the batch and none are kept now, they are removed,
// but only those: an attempt that has lost its job without knowing must not touch the
// outcomes of others.
func (s *Service) keepOutcomes(ctx context.Context, b *batch, earlier stage.Batches, p *jobs.Progress) error {
	// In the order of the payload, regardless of the order in which they were rejected.
	slices.SortStableFunc(b.rejected, func(x, y Outcome) int { return cmp.Compare(x.Offset, y.Offset) })
	before := listedBefore(p)
	p.Rejected += int64(len(b.rejected))
	p.Listed = before
	var lines []byte
	for i := range b.rejected {
		if p.Listed >= s.opts.MaxOutcomes || p.ListedBytes >= s.opts.MaxOutcomeBytes {
			break
		}
		line, err := json.Marshal(&b.rejected[i])
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
		p.Listed++
		p.ListedBytes += int64(len(line)) + 1
	}
	parts := s.outcomes.Job(stageID(b.Job))
	if len(lines) > 0 {
		return parts.Put(ctx, b.Start, b.End, []stage.Section{
			{Name: outcomesSection, Count: p.Listed - before, Data: lines},
		})
	}
	if earlier[[2]int64{b.Start, b.End}] {
		return parts.Drop(ctx, b.Start, b.End)
	}
	return nil
}

// listedBefore returns how many outcomes a job has listed. Releases without a limit listed
// them all and did not count them; this one lists at least the first.
func listedBefore(p *jobs.Progress) int64 {
	if p.Listed == 0 {
		return p.Rejected
	}
	return p.Listed
}

// maxOutcomeIssues bounds the issues of one outcome: a broken line can have a hundred.
const maxOutcomeIssues = 10

// outcomeIssues returns at most maxOutcomeIssues of a line's issues, errors before the
// others.
func outcomeIssues(all []fhirbundle.Issue) []fhirbundle.Issue {
	if len(all) <= maxOutcomeIssues {
		return slices.Clone(all)
	}
	issues := make([]fhirbundle.Issue, 0, maxOutcomeIssues)
	for _, errors := range []bool{true, false} {
		for i := range all {
			if (all[i].Severity == fhirbundle.SeverityError) == errors && len(issues) < maxOutcomeIssues {
				issues = append(issues, all[i])
			}
		}
	}
	slices.SortStableFunc(issues, func(x, y fhirbundle.Issue) int { return cmp.Compare(x.Offset, y.Offset) })
	return issues
}

// clearOutcomes removes the parts of outcomes that were published.
func (s *Service) clearOutcomes(ctx context.Context, job *jobs.Job) {
	if err := s.outcomes.Job(stageID(job)).Clear(ctx); err != nil {
		s.opts.Logger.WarnContext(ctx, "parts not removed", "job", job.ID, "error", err)
	}
}
