package jobs

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// NextQuery asks a [Store] which jobs are next. Next are accepted jobs whose NotBefore
// has come, and cancelled ones that must be cleared away and whose NotBefore has come;
// see [Job.Ready].
type NextQuery struct {
	// Now is the time to compare NotBefore with.
	Now time.Time
	// Limit of jobs that are returned. 0 means 1; at most MaxPage.
	Limit int
	// After is where to start: with the organization whose id comes after this one, byte
	// by byte. The search wraps around, so the organization After itself comes last. Pass
	// the organization of the last job returned to serve all organizations in turn.
	// Default: start with the first.
	After string
	// OrganizationID asks for the jobs of this organization alone. Default: all.
	OrganizationID string
	// PerOrganization is how many jobs of each organization are returned at most. 0
	// means 1; at most MaxPage. With an Order it is always 1.
	PerOrganization int
	// Order that is kept. Default [Unordered].
	Order Order
	// Claim changes a job that is next, such as with [Job.Take]. Next stores the jobs
	// that it changed, and returns them. It leaves out those for which Claim returned an
	// error and those that somebody else changed meanwhile. Next calls it from one goroutine
	// at a time, and may call it more than once for a job. It must be quick and must not
	// call the store. Default: nothing is changed, and the jobs are returned as they
	// are.
	Claim func(*Job) error
}

// Order of the jobs of one organization.
type Order int

const (
	// Unordered jobs are next as soon as they are ready, the oldest first.
	Unordered Order = iota
	// Ordered: only the oldest accepted job can be next, by CreatedAt and then ID, and
	// only while no job of the organization is being processed. The others wait while the
	// NotBefore of the oldest has not come.
	Ordered
	// Blocking is Ordered, and later jobs also wait for one that failed after work on it
	// had begun.
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

// SortNext sorts jobs as [Store.Next] returns them where the search does not wrap around:
// by organization, and then by CreatedAt and ID.
func SortNext(next []*Job) {
	slices.SortFunc(next, func(a, b *Job) int {
		return cmp.Or(cmp.Compare(a.OrganizationID, b.OrganizationID), CursorOf(a).Compare(CursorOf(b)))
	})
}

// Ready reports whether a worker has something to do for the job now: it is accepted, or
// it was cancelled and must be cleared away, and its NotBefore has come.
func (j *Job) Ready(now time.Time) bool {
	return (j.State == Accepted || j.State == Cancelled && !j.DueAt.IsZero()) && !j.NotBefore.After(now)
}

// Unfinished reports whether the job is accepted or being processed.
func (j *Job) Unfinished() bool { return j.State == Accepted || j.State == Processing }

// Unsettled reports whether the job is unfinished, or failed after work on it had
// begun. An upload that was rejected because it was not what had been promised is
// settled: it never was accepted.
func (j *Job) Unsettled() bool {
	return j.Unfinished() || j.State == Failed && !j.StartedAt.IsZero()
}

// ClaimNext claims the jobs that an implementation of [Store.Next] found, each with an
// update of its own, all at once. Where an Order is kept, alone must report whether no
// other job of the organization is being processed; a job that is not alone is stored
// again as it was before it was claimed. The jobs that were claimed are returned beside
// the first error.
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

// lookTimeout bounds the look for a claim whose answer is not known.
const lookTimeout = 2 * time.Second

// claim stores a claim; nil if somebody else changed the job first.
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
	// The store may have done it and lost the answer, and a client library that repeats
	// a write may have found its own first try: nobody else would work on the job until
	// its lease is over.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	there, lost := s.Get(ctx, job.ID)
	switch {
	case lost == nil && there.Holds(Claim{JobID: job.ID, Owner: job.LeaseOwner, Attempt: job.Attempt}) == nil:
		return there, nil
	case errors.Is(err, ErrConflict):
		return nil, ignore(lost, ErrNotFound)
	}
	return nil, err
}

func ignore(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}
