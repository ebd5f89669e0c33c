package jobs

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// NextQuery selects the jobs to work on next: those that are ready, see [Job.Ready].
type NextQuery struct {
	// Now is the time to compare NotBefore with.
	Now time.Time
	// Limit is how many jobs Next returns at most. 0 means 1; at most MaxPage.
	Limit int
	// After is the organization after which to start, in the order of the ids' bytes. The
	// search wraps around, so the organization After itself comes last. Pass the
	// organization of the last job returned to serve all organizations in turn.
	// Default: start with the first.
	After string
	// OrganizationID restricts the query to one organization. Default: all.
	OrganizationID string
	// PerOrganization is how many jobs of each organization Next returns at most. 0
	// means 1; at most MaxPage. With Ordered or Blocking it is always 1.
	PerOrganization int
	// Order of the jobs of one organization. Default: [Unordered].
	Order Order
	// Claim changes a job that is next, for example with [Job.Take]. Next stores and
	// returns the jobs it changed. It leaves out jobs for which Claim returned an error
	// and jobs that were changed concurrently. Next calls Claim from one goroutine at a
	// time, and may call it more than once for a job. It must be quick and must not call
	// the store. Default: the jobs are returned unchanged.
	Claim func(*Job) error
}

// Order says which jobs of one organization can be next.
type Order int

const (
	// Unordered jobs are next as soon as they are ready, the oldest first.
	Unordered Order = iota
	// Ordered: only the oldest accepted job can be next, by CreatedAt and then ID, and
	// only while no job of the organization is being processed. The others wait until the
	// oldest job's NotBefore has passed.
	Ordered
	// Blocking is Ordered, and later jobs also wait for a job that failed after it was
	// begun, until it is redriven or cancelled.
	Blocking
)

// Bounds returns Limit and PerOrganization within their bounds.
func (q NextQuery) Bounds() (limit, perOrganization int) {
	limit, perOrganization = min(max(q.Limit, 1), MaxPage), min(max(q.PerOrganization, 1), MaxPage)
	if q.Order != Unordered {
		perOrganization = 1
	}
	return limit, min(limit, perOrganization)
}

// SortNext sorts jobs by organization, CreatedAt and ID. It is for implementations of
// [Store.Next] and does not handle wrapping around.
func SortNext(next []*Job) {
	slices.SortFunc(next, func(a, b *Job) int {
		return cmp.Or(cmp.Compare(a.OrganizationID, b.OrganizationID), CursorOf(a).Compare(CursorOf(b)))
	})
}

// Ready reports whether a worker has something to do for the job now: it is accepted, or
// cancelled and needs clean-up, and its NotBefore is not after now.
func (j *Job) Ready(now time.Time) bool {
	return (j.State == Accepted || j.State == Cancelled && !j.DueAt.IsZero()) && !j.NotBefore.After(now)
}

// Unfinished reports whether the job is accepted or being processed.
func (j *Job) Unfinished() bool { return j.State == Accepted || j.State == Processing }

// Unsettled reports whether the job is unfinished, or failed after it was begun. A
// rejected upload is settled, because it was never accepted.
func (j *Job) Unsettled() bool {
	return j.Unfinished() || j.State == Failed && !j.StartedAt.IsZero()
}

// ClaimNext claims the jobs that an implementation of [Store.Next] found, each with its
// own update, all concurrently. With Ordered and Blocking it calls alone, which must
// report whether no other job of the organization is being processed; if it reports false,
// ClaimNext undoes the claim. It returns the claimed jobs together with the first error.
func ClaimNext(ctx context.Context, s Store, q NextQuery, found []*Job, alone func(context.Context, *Job) (bool, error)) ([]*Job, error) {
	if q.Claim == nil {
		return found, nil
	}
	claimed := make([]*Job, len(found))
	errs := make([]error, len(found))
	var wg sync.WaitGroup
	for i, job := range found {
		before := job.Clone()
		if q.Claim(job) != nil {
			continue
		}
		wg.Go(func() {
			if claimed[i], errs[i] = claim(ctx, s, job); claimed[i] == nil || q.Order == Unordered || job.State != Processing {
				return
			}
			ok, err := alone(ctx, claimed[i])
			if err != nil || !ok {
				before.Revision, claimed[i] = claimed[i].Revision, nil
				errs[i] = errors.Join(err, s.Update(context.WithoutCancel(ctx), before))
			}
		})
	}
	wg.Wait()
	all := claimed[:0]
	var first error
	for i, job := range claimed {
		if job != nil {
			all = append(all, job)
		}
		if first == nil {
			first = errs[i]
		}
	}
	return all, first
}

// lookTimeout bounds the look for a claim after an error.
const lookTimeout = 2 * time.Second

// claim stores a claim. It returns nil if the job was changed concurrently.
func claim(ctx context.Context, s Store, job *Job) (*Job, error) {
	err := s.Update(ctx, job)
	switch {
	case err == nil:
		return job, nil
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case job.State != Processing:
		return nil, ignore(err, ErrConflict)
	}
	// The write may have succeeded and its answer been lost, or a client library that
	// retries may have met its own first try. Then nobody else would work on the job until
	// the lease is over.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	stored, getErr := s.Get(ctx, job.ID)
	switch {
	case getErr == nil && stored.Holds(Claim{JobID: job.ID, Owner: job.LeaseOwner, Attempt: job.Attempt}) == nil:
		return stored, nil
	case errors.Is(err, ErrConflict):
		return nil, ignore(getErr, ErrNotFound)
	}
	return nil, err
}

func ignore(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}
