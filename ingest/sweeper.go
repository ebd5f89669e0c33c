package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// SweeperOptions are the options of a [Sweeper]; nil, and zero fields, mean the defaults.
type SweeperOptions struct {
	// Every is the time between two sweeps. Default 3 seconds.
	Every time.Duration
	// Page is how many due jobs are read at a time. Default 200.
	Page int
	// Poke is how many wake-ups a sweep sends at most for jobs that wait for a worker.
	// Set it if workers are called with their wake-ups and can't poll; see [Worker.Work].
	// Default 0: workers poll.
	Poke int
}

func (o *SweeperOptions) withDefaults() (SweeperOptions, error) {
	var d SweeperOptions
	if o != nil {
		d = *o
	}
	setDefault(&d.Every, 3*time.Second)
	setDefault(&d.Page, 200)
	if d.Every < 0 || d.Page < 0 || d.Poke < 0 {
		return d, errors.New("ingest: no field of SweeperOptions may be negative")
	}
	if d.Poke > jobs.MaxPage {
		return d, fmt.Errorf("ingest: SweeperOptions.Poke must be at most %d", jobs.MaxPage)
	}
	return d, nil
}

// Sweeper looks after jobs that are being processed or awaited: it takes jobs from workers
// that died, and looks for uploads whose notification was lost. Any number may run against
// the same store.
type Sweeper struct {
	svc  *Service
	opts SweeperOptions

	mu    sync.Mutex
	poked string // the last organization whose job was poked
	clock clockWatch
}

// NewSweeper returns a Sweeper. It fails without a Service, and if an option is invalid.
func NewSweeper(s *Service, opts *SweeperOptions) (*Sweeper, error) {
	if s == nil {
		return nil, errors.New("ingest: NewSweeper needs a Service")
	}
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Sweeper{svc: s, opts: o, poked: jobs.NewID()}, nil
}

// Run sweeps at once and then at the interval until ctx is done, and then returns nil. A
// failed sweep is logged, and the next one tries again.
func (w *Sweeper) Run(ctx context.Context) error {
	ticker := time.NewTicker(w.opts.Every)
	defer ticker.Stop()
	defer w.svc.pruneBeside(ctx, w.opts.Every)()
	for {
		if _, err := w.sweep(ctx, w.opts.Every); err != nil && ctx.Err() == nil {
			w.svc.opts.Logger.WarnContext(ctx, "sweep failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Sweep looks once after all jobs that are due now and returns their number. It looks after
// many at once, each with its own timeout, so that one that hangs does not hold up the
// others; jobs of dead workers come first. Then it sends the wake-ups that
// [SweeperOptions.Poke] allows. If [Options.Adopt] is set and [Adoption.ListEvery] has
// passed, it lists the next part of the prefix. If [Options.Retention] is set, it removes
// data past its retention, and begins nothing more after two seconds; Run does this beside
// the sweeps.
func (w *Sweeper) Sweep(ctx context.Context) (int, error) {
	done, err := w.sweep(ctx, 0)
	return done, errors.Join(err, w.svc.prune(ctx))
}

// sweep is Sweep without [Options.Retention]. It begins no further page once most has
// passed, unless that is 0: the next sweep begins with the leases that have ended
// meanwhile, and continues with the rest.
func (w *Sweeper) sweep(ctx context.Context, most time.Duration) (done int, err error) {
	now, began := w.svc.now(), time.Now()
	defer func() { w.swept(began, done, err) }()
	var failed []error
	for _, rescue := range []func(context.Context) error{w.takeOver, w.mendClock} {
		if err := rescue(ctx); err != nil {
			failed = append(failed, err)
		}
	}
	var brake brake
	var before map[string]bool // the page before this one
	for {
		due, err := w.due(ctx, now)
		if err != nil { // due still has the readable jobs
			failed = append(failed, fmt.Errorf("ingest: read due jobs: %w", err))
		}
		full := len(due) >= w.opts.Page || err != nil
		page := make(map[string]bool, len(due))
		for _, job := range due {
			page[job.ID] = true
		}
		// Jobs of the previous page failed, or the store's answer is stale.
		due = slices.DeleteFunc(due, func(j *jobs.Job) bool { return before[j.ID] })
		moved, errs := w.lookAfter(ctx, due, &brake)
		failed = append(failed, errs...)
		done, before = done+moved, page
		// Jobs that failed are still due: unless another one moved, the next page would be
		// the same.
		if !full || moved == 0 || ctx.Err() != nil || most > 0 && time.Since(began) >= most {
			break
		}
	}
	if err := w.poke(ctx); err != nil {
		failed = append(failed, err)
	}
	if err := w.svc.listAdopted(ctx); err != nil {
		failed = append(failed, err)
	}
	return done, errors.Join(failed...)
}

func (w *Sweeper) due(ctx context.Context, now time.Time) ([]*jobs.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, bookkeeping)
	defer cancel()
	return w.svc.back.Jobs.Due(ctx, now, w.opts.Page)
}

// poke sends wake-ups for waiting jobs, for workers that can't poll: one for each
// organization in turn, then more of each.
func (w *Sweeper) poke(ctx context.Context) error {
	if w.opts.Poke == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, bookkeeping)
	defer cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	s, failed := w.svc, error(nil)
	sent := map[string]bool{}
	for _, each := range []int{1, w.opts.Poke} {
		next, err := s.back.Jobs.Next(ctx, jobs.NextQuery{Now: s.now(), After: w.poked, Limit: w.opts.Poke, PerOrganization: each})
		if err != nil {
			failed = fmt.Errorf("ingest: read waiting jobs: %w", err)
		}
		for _, job := range next {
			if sent[job.ID] || len(sent) == w.opts.Poke {
				continue
			}
			if unsent := s.publish(ctx, job); unsent != nil {
				return errors.Join(failed, unsent) // the others would fail too
			}
			sent[job.ID] = true
			w.poked = job.OrganizationID
			s.opts.Observe(Event{Kind: EventWoken, JobID: job.ID, Source: string(job.Source)})
		}
		if len(next) == 0 || len(sent) == w.opts.Poke {
			break
		}
	}
	return failed
}
