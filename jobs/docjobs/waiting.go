package docjobs

import (
	"context"
	"fmt"

	"github.com/fhirdock/fhirdock/jobs"
)

// countStep is how many documents are counted at a time.
const countStep = 1000

// Waiting implements [jobs.Store]. It reads each job that it counts, or on DynamoDB its
// item.
func (s *Store) Waiting(ctx context.Context, organizationID string, limit int) (int, error) {
	if organizationID != "" && checkOrganization(organizationID) != nil {
		return 0, ctx.Err()
	}
	n := 0
	for _, line := range []string{fieldReady, fieldLater} {
		for _, shard := range s.shardsOf(organizationID) {
			some, err := s.count(ctx, line, shard, organizationID, limit-n)
			if err != nil {
				return 0, fmt.Errorf("docjobs: count waiting jobs: %w", err)
			}
			if n += some; n >= limit {
				return limit, nil
			}
		}
	}
	return n, nil
}

// count counts the jobs in a shard of a line, of one organization or of all.
func (s *Store) count(ctx context.Context, line, shard, organizationID string, limit int) (n int, err error) {
	from := separator
	if organizationID != "" {
		from = organizationID + separator
	}
	for {
		step := min(countStep, limit-n)
		if step <= 0 {
			return n, nil
		}
		docs, err := s.documents(ctx, s.lineAfter(line, shard, from, step), step)
		if err != nil {
			return 0, err
		}
		for _, d := range docs {
			if from = d.Sort; !s.database.lags() {
				from = d.lines()[line]
			}
			if organizationID != "" && organizationOf(from) != organizationID {
				return n, nil
			}
			if job, err := d.job(); s.database.lags() || err == nil && job.State == jobs.Accepted {
				n++
			}
		}
		if len(docs) < step {
			return n, nil
		}
	}
}
