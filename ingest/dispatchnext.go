package ingest

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// turn is where a worker is in its round of the organizations. The organization that
// was served last is the last to be served again, whatever the others have waiting.
type turn struct {
	mu     sync.Mutex
	after  string
	credit int // jobs that it may still have before the others, by its weight
}

// served notes whose job a wake-up named: the others' come first now.
func (t *turn) served(organization string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.credit == 0 {
		t.after = organization
	}
}

// taken is a job that was claimed.
type taken struct {
	job   *jobs.Job // processing; cancelled, to be cleared away; or failed, its attempts used up
	fresh bool      // nobody has worked on it before
	asked time.Time // not after the time that the claim was recorded with
}

func (t taken) claim() jobs.Claim {
	return jobs.Claim{JobID: t.job.ID, Owner: t.job.LeaseOwner, Attempt: t.job.Attempt}
}

// next asks the store for the jobs that are next, and claims at most so many. It returns
// fewer only if no more are ready, or if the store failed.
func (w *Worker) next(ctx context.Context, places int) (all []taken, err error) {
	each := 1 // of an organization
	for races := 0; len(all) < places; {
		w.turn.mu.Lock()
		after, credit := w.turn.after, w.turn.credit
		w.turn.mu.Unlock()

		q := jobs.NextQuery{After: after, Limit: places - len(all), PerOrganization: each}
		switch {
		case credit > 0:
			q.OrganizationID, q.Limit = after, min(credit, q.Limit)
			q.PerOrganization = q.Limit
		case w.opts.Weight != nil:
			q.Limit = 1 // to ask for the weight of each
		}
		found, raced, err := w.ask(ctx, q)
		all = append(all, found...)
		if len(found) > 0 {
			after = found[len(found)-1].job.OrganizationID
		}
		switch {
		case credit > 0 && len(found) == q.Limit:
			credit -= len(found)
		case credit > 0:
			credit = 0 // nothing of it is left
		case w.opts.Weight != nil && len(found) > 0:
			credit = max(1, w.opts.Weight(after)) - 1
		}
		w.turn.mu.Lock()
		w.turn.after, w.turn.credit = after, credit
		w.turn.mu.Unlock()
		switch {
		case err != nil:
			return all, err
		case len(found) > 0:
			races = 0
			if left := places - len(all); q.OrganizationID == "" && left > 0 { // which these organizations may share
				each = (left + len(found) - 1) / len(found)
			}
		case raced && races < maxRaces:
			if races++; !pause(ctx, rand.N(raceJitter<<races)) {
				return all, nil
			}
		case q.OrganizationID == "":
			return all, nil
		}
	}
	return all, nil
}

// Where others claimed first what was found, more may wait. It is asked for again, up to
// maxRaces times in a row, each after a random part of twice the time before.
const (
	maxRaces   = 6
	raceJitter = 5 * time.Millisecond
)

// pause returns false if ctx is done first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ask claims the jobs that a query finds. raced is set if others claimed first all that
// it found.
func (w *Worker) ask(ctx context.Context, q jobs.NextQuery) (claimed []taken, raced bool, err error) {
	// To its end: a claim whose answer is not awaited has no worker until its lease is over.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookkeeping)
	defer cancel()
	asked := time.Now()
	q.Now, q.Order = w.svc.now(), w.order
	claim, fresh := w.claims(q.Now)
	q.Claim = claim
	found, err := w.svc.back.Jobs.Next(ctx, q)
	return takenOf(found, fresh, asked), len(found) == 0 && len(fresh) > 0, err
}

// prefer claims the job that a wake-up names if it is ready; where an order is kept, the
// one of its organization whose turn it is. It returns nothing if there is none.
func (w *Worker) prefer(ctx context.Context, id string) ([]taken, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookkeeping) // as ask does
	defer cancel()
	asked, store, now := time.Now(), w.svc.back.Jobs, w.svc.now()
	job, err := store.Get(ctx, id)
	if err != nil {
		return nil, ignoreMoved(err)
	}
	if w.order != jobs.Unordered {
		found, _, err := w.ask(ctx, jobs.NextQuery{OrganizationID: job.OrganizationID})
		return found, err
	}
	if !job.Ready(now) && (job.State != jobs.Processing || now.Before(job.DueAt)) { // where a lease is over, it is taken
		return nil, nil
	}
	claim, fresh := w.claims(now)
	found, err := jobs.ClaimNext(ctx, store, jobs.NextQuery{Claim: claim}, []*jobs.Job{job}, nil)
	if len(found) > 0 {
		w.turn.served(job.OrganizationID)
	}
	return takenOf(found, fresh, asked), err
}

func takenOf(found []*jobs.Job, fresh map[string]bool, asked time.Time) []taken {
	all := make([]taken, len(found))
	for i, job := range found {
		all[i] = taken{job: job, fresh: fresh[job.ID], asked: asked}
	}
	return all
}

// claims returns a function that claims jobs, each with an owner of its own, and pins
// the borders of their batches. fresh has those that it claimed, and whether nobody has
// worked on them before.
func (w *Worker) claims(now time.Time) (claim func(*jobs.Job) error, fresh map[string]bool) {
	fresh = make(map[string]bool)
	return func(j *jobs.Job) error {
		if j.State == jobs.Cancelled {
			err := j.Clear(now, w.opts.Lease)
			if err == nil {
				fresh[j.ID] = false
			}
			return err
		}
		never := j.StartedAt.IsZero()
		if _, err := j.Take(now, w.name+"/"+strconv.FormatInt(w.owners.Add(1), 10), w.opts.Lease); err != nil {
			return err
		}
		fresh[j.ID] = never
		setDefault(&j.BatchResources, w.opts.BatchResources)
		setDefault(&j.BatchBytes, w.opts.BatchBytes)
		return nil
	}, fresh
}
