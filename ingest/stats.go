package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/jobs"
)

// StatsRequest are the options of [Operator.Stats]; nil, and zero fields, mean the
// defaults.
type StatsRequest struct {
	// States whose jobs are counted. Default: awaiting_upload, accepted, processing and
	// failed, the states in which something is still to be done.
	States []jobs.State
	// Limit is how far the jobs in a state are counted. Accepted jobs are counted up to a
	// tenth more than [Options.MaxWaiting] if that is more. Default 10,000.
	Limit int
	// Overdue is how long a job must have been due to count as overdue. Default 1 minute,
	// in which a [Sweeper] with default options sweeps twenty times.
	Overdue time.Duration
}

// Check returns an error if a field is invalid, as [Operator.Stats] does.
func (r *StatsRequest) Check() error {
	_, err := r.withDefaults()
	return err
}

func (r *StatsRequest) withDefaults() (StatsRequest, error) {
	var d StatsRequest
	if r != nil {
		d = *r
	}
	if d.States == nil {
		d.States = []jobs.State{jobs.AwaitingUpload, jobs.Accepted, jobs.Processing, jobs.Failed}
	}
	setDefault(&d.Limit, 10_000)
	setDefault(&d.Overdue, time.Minute)
	if d.Limit < 0 || d.Overdue < 0 {
		return d, errors.New("ingest: no field of StatsRequest may be negative")
	}
	for _, state := range d.States {
		if !state.Valid() {
			return d, fmt.Errorf("ingest: StatsRequest.States has %q, which is not a state", state)
		}
	}
	return d, nil
}

// Stats describe the jobs of all organizations at one moment.
type Stats struct {
	// Jobs in each requested state, each counted up to the limit.
	Jobs map[jobs.State]int
	// OldestWaiting is the longest time for which a job that is next in its organization
	// has been ready and not claimed. It counts from when the job was accepted, redriven
	// or given back, or from the end of its back-off; 0 if no job is ready.
	OldestWaiting time.Duration
	// Due is how many jobs a [Sweeper] should look at now; Overdue is how many have been
	// due for longer than [StatsRequest.Overdue]. Both are counted up to [jobs.MaxPage],
	// expired leases first.
	Due, Overdue int
	// OldestDue is how long the longest-due job has been due.
	OldestDue time.Duration
}

// Stats asks the job store for numbers that an operator watches. It queries concurrently
// and returns the first error: ErrUnavailable if the store does not answer. Pass a context
// with a deadline. On a document database counting costs reads: see [jobs.Store.Count].
func (o *Operator) Stats(ctx context.Context, req *StatsRequest) (*Stats, error) {
	r, err := req.withDefaults()
	if err != nil {
		return nil, err
	}
	s, now := o.svc, o.svc.now()
	stats := &Stats{Jobs: make(map[jobs.State]int, len(r.States))}
	var mu sync.Mutex // guards stats.Jobs
	g, ctx := errgroup.WithContext(ctx)
	for _, state := range r.States {
		g.Go(func() error {
			limit := r.Limit
			if state == jobs.Accepted {
				limit = max(limit, s.opts.MaxWaiting+s.opts.MaxWaiting/10+1)
			}
			n, err := s.back.Jobs.Count(ctx, "", state, limit)
			if err != nil {
				return unavailable("count jobs", err)
			}
			mu.Lock()
			defer mu.Unlock()
			stats.Jobs[state] = n
			return nil
		})
	}
	g.Go(func() error {
		due, err := s.back.Jobs.Due(ctx, now, jobs.MaxPage)
		if err != nil && !errors.Is(err, jobs.ErrRecord) {
			return unavailable("read due jobs", err)
		}
		for _, job := range due {
			age := now.Sub(job.DueAt)
			stats.OldestDue = max(stats.OldestDue, age)
			if age > r.Overdue {
				stats.Overdue++
			}
		}
		stats.Due = len(due)
		return nil
	})
	g.Go(func() (err error) {
		stats.OldestWaiting, err = s.oldestWaiting(ctx, now)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return stats, nil
}

// oldestWaiting reads the next job of each organization, a page at a time.
func (s *Service) oldestWaiting(ctx context.Context, now time.Time) (oldest time.Duration, err error) {
	q := jobs.NextQuery{Now: now, Limit: jobs.MaxPage}
	for {
		next, err := s.back.Jobs.Next(ctx, q)
		if err != nil && !errors.Is(err, jobs.ErrRecord) {
			return 0, unavailable("read waiting jobs", err)
		}
		for _, job := range next {
			if job.OrganizationID <= q.After { // the first organization again
				return oldest, nil
			}
			if job.State != jobs.Accepted { // cancelled, to be cleared away
				continue
			}
			since := job.UpdatedAt
			if job.NotBefore.After(since) {
				since = job.NotBefore
			}
			oldest = max(oldest, now.Sub(since))
		}
		if len(next) < q.Limit {
			return oldest, nil
		}
		q.After = next[len(next)-1].OrganizationID
	}
}

// Leases returns how many jobs the workers of this Service hold at the moment.
func (s *Service) Leases() int { return int(s.leases.Load()) }
