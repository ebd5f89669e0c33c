package docjobs

import (
	"context"
	"fmt"

	"github.com/fhirdock/fhirdock/jobs"
)

const (
	// countStep is how many documents one query reads.
	countStep = 1000
	// countAtOnce is how many organizations are counted concurrently.
	countAtOnce = 16
)

// Count implements [jobs.Store]. It reads every job that it counts: on DynamoDB, the items
// of accepted jobs and the index entries of the other states. Counting a state other than
// Accepted in all organizations takes at least one query for each of them.
func (s *Store) Count(ctx context.Context, organizationID string, state jobs.State, limit int) (n int, err error) {
	switch {
	case organizationID != "" && checkOrganization(organizationID) != nil:
		return 0, ctx.Err()
	case state == jobs.Accepted:
		n, err = s.countAccepted(ctx, organizationID, limit)
	case organizationID != "":
		n, err = s.countState(ctx, organizationID, state, limit)
	default:
		n, err = s.countAll(ctx, state, limit)
	}
	if err != nil {
		return 0, fmt.Errorf("docjobs: count jobs: %w", err)
	}
	return min(n, limit), nil
}

// countAccepted counts the jobs in the lines of accepted jobs.
func (s *Store) countAccepted(ctx context.Context, organizationID string, limit int) (int, error) {
	n := 0
	for _, line := range []string{fieldReady, fieldLater} {
		for _, shard := range s.shardsOf(organizationID) {
			some, err := s.countLine(ctx, line, shard, organizationID, limit-n)
			if err != nil {
				return 0, err
			}
			if n += some; n >= limit {
				return limit, nil
			}
		}
	}
	return n, nil
}

// countAll counts all organizations' jobs in a state, up to limit.
func (s *Store) countAll(ctx context.Context, state jobs.State, limit int) (int, error) {
	n, after := 0, ""
	for {
		ids, err := s.Organizations(ctx, after, countAtOnce)
		if err != nil {
			return 0, err
		}
		counts := make([]int, len(ids))
		err = each(ctx, len(ids), func(ctx context.Context, i int) (err error) {
			counts[i], err = s.countState(ctx, ids[i], state, limit-n)
			return err
		})
		if err != nil {
			return 0, err
		}
		for _, some := range counts {
			n += some
		}
		if n >= limit || len(ids) < countAtOnce {
			return n, nil
		}
		after = ids[len(ids)-1]
	}
}

// countState counts an organization's jobs in a state.
func (s *Store) countState(ctx context.Context, organizationID string, state jobs.State, limit int) (int, error) {
	n, place := 0, lastPlace
	for {
		step := min(countStep, limit-n)
		if step <= 0 {
			return n, nil
		}
		docs, err := s.documents(ctx, s.listed(jobs.Query{OrganizationID: organizationID, State: state}, place, step), step)
		if err != nil {
			return 0, err
		}
		if n += len(docs); len(docs) < step {
			return n, nil
		}
		place = docs[step-1].Place
	}
}

// countLine counts the jobs in a shard of a line, of one organization or all.
func (s *Store) countLine(ctx context.Context, line, shard, organizationID string, limit int) (n int, err error) {
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
