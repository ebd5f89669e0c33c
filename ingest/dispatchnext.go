package ingest

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// turn is a worker's position in its round of the organizations. The organization served
// last is the last to be served again, regardless of how many jobs the others have waiting.
type turn struct {
	mu     sync.Mutex
	after  string
	credit int // jobs that it may still have before its turn ends, by its weight
}

// served notes that a wake-up's job was claimed: it is the other organizations' turn now.
func (t *turn) served(organization string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.credit == 0 {
		t.after = organization
	}
}

// taken is a claimed job.
type taken struct {
	job   *jobs.Job // processing; cancelled, to be cleared away; or failed, out of attempts
	fresh bool      // no worker has had it before
	asked time.Time // at or before the time that the claim was recorded with
}

func (t taken) claim() jobs.Claim {
	return jobs.Claim{JobID: t.job.ID, Owner: t.job.LeaseOwner, Attempt: t.job.Attempt}
}

// next asks the store for the next jobs and claims at most places of them. It returns
// fewer only if no more are ready or if the store failed.
func (w *Worker) next(ctx context.Context, places int) (all []taken, err error) {
	each := 1 // jobs of one organization
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
			q.Limit = 1 // one at a time, to apply its organization's weight
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
			credit = 0 // it has no more jobs
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
			if left := places - len(all); q.OrganizationID == "" && left > 0 { // shared by these organizations
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

// If other workers claimed all that a query found, more may be waiting. The store is asked
// again up to maxRaces times in a row, each time after a random part of twice the delay.
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

// ask claims the jobs that a query finds. raced reports that other workers claimed all of
// them first.
func (w *Worker) ask(ctx context.Context, q jobs.NextQuery) (claimed []taken, raced bool, err error) {
	// Not cut off by ctx: a claim without its answer has no worker until its lease ends.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookkeeping)
	defer cancel()
	asked := time.Now()
	q.Now, q.Order = w.svc.now(), w.order
	claim, fresh := w.claims(q.Now)
	q.Claim = claim
	found, err := w.svc.back.Jobs.Next(ctx, q)
	return takenOf(found, fresh, asked), len(found) == 0 && len(fresh) > 0, err
}

// prefer claims the job that a wake-up names if it is ready or, in an ordered pipeline, the
// next job of its organization. It returns nothing if there is none.
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
	if !job.Ready(now) && (job.State != jobs.Processing || now.Before(job.DueAt)) { // an expired lease may be taken
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

// claims returns a function that claims jobs, each under its own owner, and pins the
// borders of their batches. fresh holds the claimed jobs, and whether no worker has had
// them before.
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
