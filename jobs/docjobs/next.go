package docjobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/fhirdock/fhirdock/jobs"
)

// Next implements [jobs.Store]. On DynamoDB it reads items kept for this, because an index
// would lag.
//
// With jobs.Unordered, one call queries two lines, and each again from the start if the
// organizations after [jobs.NextQuery.After] have too few jobs. That is four queries, or
// sixteen on DynamoDB, where a line has four shards. Each reads at most 8 documents, or
// Limit if that is more, and one more query for each organization that has only jobs that
// wait for a later time. An order costs two more queries for each organization whose
// oldest job is ready, and two for each claimed job.
func (s *Store) Next(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
	next, unreadable := s.next(ctx, q)
	err := unreadable
	if unreadable == nil || errors.Is(unreadable, jobs.ErrRecord) {
		if next, err = jobs.ClaimNext(ctx, s, q, next, s.alone); err == nil {
			err = unreadable
		}
	}
	if err != nil {
		err = fmt.Errorf("docjobs: next jobs: %w", err)
	}
	return next, err
}

func (s *Store) next(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	limit, _ := q.Bounds()
	if one := q.OrganizationID; one != "" {
		if checkOrganization(one) != nil {
			return nil, nil
		}
		return s.nextBetween(ctx, q, one+separator, one, limit)
	}
	from := separator
	if q.After != "" {
		from = q.After + pastSeparator
	}
	next, err := s.nextBetween(ctx, q, from, "", limit)
	if len(next) == limit || q.After == "" || err != nil && !errors.Is(err, jobs.ErrRecord) {
		return next, err
	}
	// Wrap around to the first organization.
	first, again := s.nextBetween(ctx, q, separator, q.After, limit-len(next))
	return append(next, first...), cmp.Or(err, again)
}

// nextBetween walks along all lines concurrently, from a position up to an organization,
// and returns the next jobs in order.
func (s *Store) nextBetween(ctx context.Context, q jobs.NextQuery, from, until string, limit int) ([]*jobs.Job, error) {
	lines, shards := s.linesOf(q, limit), s.shardsOf(q.OrganizationID)
	var mu sync.Mutex
	var all []*jobs.Job
	unreadable := 0
	err := each(ctx, len(lines)*len(shards), func(ctx context.Context, n int) error {
		found, damaged, err := lines[n/len(shards)].along(ctx, shards[n%len(shards)], from, until)
		mu.Lock()
		defer mu.Unlock()
		all, unreadable = append(all, found...), unreadable+damaged
		return err
	})
	if err != nil {
		return nil, err
	}
	jobs.SortNext(all)
	_, each := q.Bounds()
	org, n := "", 0
	all = slices.DeleteFunc(all, func(j *jobs.Job) bool {
		if j.OrganizationID != org {
			org, n = j.OrganizationID, 0
		}
		n++
		return n > each
	})
	all = all[:min(limit, len(all))]
	if unreadable > 0 {
		return all, fmt.Errorf("%d unreadable and %d readable: %w", unreadable, len(all), errRecord)
	}
	return all, nil
}

// linesOf returns the walks that find the next jobs.
func (s *Store) linesOf(q jobs.NextQuery, organizations int) []walk {
	_, each := q.Bounds()
	// The line Later is ordered by time: after the first job that is not ready, none is.
	clearing := func(_ context.Context, j *jobs.Job) (take, done bool, err error) {
		return j.Ready(q.Now) && (q.Order == jobs.Unordered || j.State == jobs.Cancelled), !j.Ready(q.Now), nil
	}
	later := walk{s: s, line: fieldLater, look: clearing, organizations: organizations, each: each}
	if q.Order == jobs.Unordered {
		ready := func(_ context.Context, j *jobs.Job) (take, done bool, err error) { return j.Ready(q.Now), false, nil }
		return []walk{{s: s, line: fieldReady, look: ready, organizations: organizations, each: each}, later}
	}
	line := fieldLine
	if q.Order == jobs.Blocking {
		line = fieldOpen
	}
	head := func(ctx context.Context, j *jobs.Job) (take, done bool, err error) {
		if take = j.State == jobs.Accepted && j.Ready(q.Now); take {
			take, err = s.alone(ctx, j)
		}
		return take, true, err
	}
	return []walk{{s: s, line: line, look: head, organizations: organizations, each: 1}, later}
}

// alone reports whether a job, before or after it is claimed, is the oldest unfinished one
// of its organization and no other one is being processed. The list may lag, so alone also
// reads the line.
func (s *Store) alone(ctx context.Context, job *jobs.Job) (bool, error) {
	processing, err := s.List(ctx, jobs.Query{OrganizationID: job.OrganizationID, State: jobs.Processing, Limit: 2})
	if err != nil {
		return false, err
	}
	any := func(context.Context, *jobs.Job) (take, done bool, err error) { return true, false, nil }
	oldest, _, err := walk{s: s, line: fieldLine, look: any, organizations: 1, each: minStep}.
		along(ctx, shard(job.OrganizationID, lineShards), job.OrganizationID+separator, job.OrganizationID)
	if err != nil || len(oldest) == 0 || oldest[0].ID != job.ID {
		return false, err
	}
	return !slices.ContainsFunc(append(oldest, processing.Jobs...), func(j *jobs.Job) bool {
		return j.State == jobs.Processing && j.ID != job.ID
	}), nil
}
