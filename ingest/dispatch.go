package ingest

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/fhirdock/fhirdock/jobs"
)

const (
	// maxHints is how many wake-ups are followed one by one. Beyond that, they only say
	// that jobs are waiting.
	maxHints = 64
	// maxTimes is how many ends of back-offs are remembered. A poll finds later ones.
	maxTimes = 64
)

// dispatcher starts jobs whenever a place is free. It asks the store for the next jobs
// when a wake-up comes, when a job ends while others wait, and when polling. While there
// is a free place for every waiting job, it first tries the job that a wake-up names,
// which takes one read. If there are more wake-ups than places, or if it has only followed
// wake-ups for a long time, it asks the store whose turn it is.
type dispatcher struct {
	w       *Worker
	work    context.Context // of the attempts; it ends later than the dispatcher
	stop    <-chan struct{} // closed when attempts must end after their batch
	places  chan struct{}   // one for each running job
	running sync.WaitGroup

	poked chan struct{} // capacity 1
	mu    sync.Mutex
	hints []hint
	many  bool        // more wake-ups than maxHints came
	times []time.Time // ends of back-offs that began here, earliest first

	more  bool          // the last answer had as many jobs as were asked for
	asked time.Time     // when the store was last asked
	pause time.Duration // before it is asked again if nothing happens
}

// hint is the job that a wake-up names, and its trace.
type hint struct {
	id   string
	span trace.SpanContext
}

func newDispatcher(w *Worker, work context.Context) *dispatcher {
	return &dispatcher{w: w, work: work, places: make(chan struct{}, w.opts.Concurrency), poked: make(chan struct{}, 1), more: true}
}

// poke says that a job is waiting. It never blocks.
func (d *dispatcher) poke(ctx context.Context, id string) {
	d.mu.Lock()
	d.hint(hint{id, trace.SpanContextFromContext(ctx)})
	d.mu.Unlock()
	d.wake()
}

// hint notes a job to try. The caller holds mu.
func (d *dispatcher) hint(h hint) {
	if len(d.hints) < maxHints {
		d.hints = append(d.hints, h)
	} else {
		d.many = true
	}
}

// wake makes the dispatcher look for jobs.
func (d *dispatcher) wake() {
	select {
	case d.poked <- struct{}{}:
	default:
	}
}

// run dispatches until ctx is done and the running jobs have ended.
func (d *dispatcher) run(ctx context.Context) {
	defer d.running.Wait()
	defer d.w.isFull(false)
	d.stop = ctx.Done()
	for {
		free := d.takePlaces(ctx)
		if free == 0 {
			return
		}
		free -= d.followHints(ctx, free)
		if free > 0 && d.due() {
			free -= d.askStore(ctx, free)
		}
		for range free {
			<-d.places
		}
		if free > 0 && !d.wait(ctx) {
			return
		}
	}
}

// takePlaces waits for a free place and takes all that are free; 0 if ctx is done.
func (d *dispatcher) takePlaces(ctx context.Context) (n int) {
	select {
	case d.places <- struct{}{}:
		n = 1
	case <-ctx.Done():
		return 0
	}
	for ctx.Err() == nil {
		select {
		case d.places <- struct{}{}:
			n++
		default:
			return n
		}
	}
	for range n {
		<-d.places
	}
	return 0
}

// followHints starts the jobs that wake-ups named, unless other jobs are already waiting and
// go first. It returns the number of jobs started.
func (d *dispatcher) followHints(ctx context.Context, free int) (started int) {
	d.mu.Lock()
	if d.many || len(d.hints) > free || time.Since(d.asked) >= 2*d.w.opts.PollInterval {
		d.more = true
	}
	if d.more {
		d.hints, d.many = nil, false
	}
	hints := d.hints
	d.hints = nil
	d.mu.Unlock()
	for _, h := range hints {
		found, err := d.w.prefer(trace.ContextWithRemoteSpanContext(ctx, h.span), h.id)
		for _, t := range found {
			d.start(trace.ContextWithRemoteSpanContext(d.work, h.span), t)
			started++
		}
		if err != nil {
			d.failed(ctx, err)
			d.more = true // the store will return this one and the others
			break
		}
	}
	return started
}

// due reports whether it is time to ask the store.
func (d *dispatcher) due() bool {
	now := d.w.svc.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	over := 0
	for over < len(d.times) && !d.times[over].After(now) {
		over++
	}
	d.times = slices.Delete(d.times, 0, over)
	return d.more || over > 0 || time.Since(d.asked) >= d.pause
}

// askStore starts the next jobs and returns their number.
func (d *dispatcher) askStore(ctx context.Context, free int) int {
	found, err := d.w.next(ctx, free)
	d.asked = time.Now()
	for _, t := range found {
		d.start(d.work, t)
	}
	d.more = len(found) == free
	d.w.isFull(d.more)
	longest := d.w.opts.PollInterval
	switch {
	case err != nil && ctx.Err() == nil:
		d.failed(ctx, err)
		fallthrough
	case len(found) == 0:
		d.pause = min(max(2*d.pause, longest/16), longest)
	default:
		d.pause = longest / 16
	}
	return len(found)
}

func (d *dispatcher) failed(ctx context.Context, err error) {
	d.w.svc.opts.Logger.WarnContext(ctx, "job store did not return the next jobs; retrying", "error", err)
}

// wait waits until there may be something to do. It returns false if ctx is done.
func (d *dispatcher) wait(ctx context.Context) bool {
	d.mu.Lock()
	waiting := len(d.hints) > 0
	var soon time.Time
	if len(d.times) > 0 {
		soon = d.times[0]
	}
	d.mu.Unlock()
	if waiting || d.more {
		return ctx.Err() == nil
	}
	// With jitter, so that workers poked together don't ask together.
	pause := d.pause - time.Since(d.asked) + rand.N(d.pause/8+1)
	if !soon.IsZero() {
		pause = min(pause, soon.Sub(d.w.svc.now()))
	}
	timer := time.NewTimer(max(pause, time.Millisecond))
	defer timer.Stop()
	select {
	case <-d.poked:
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	return true
}

// start works on a job, in a place already taken for it.
func (d *dispatcher) start(ctx context.Context, t taken) {
	d.running.Go(func() {
		defer func() {
			<-d.places
			d.wake()
		}()
		job, _ := d.w.work(ctx, t, d.stop) // logged; the job's record has the rest
		d.ended(job)
	})
}

// ended notes which job may be next after a job has ended.
func (d *dispatcher) ended(job *jobs.Job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if job.State == jobs.Accepted && !job.NotBefore.IsZero() {
		at, _ := slices.BinarySearchFunc(d.times, job.NotBefore, time.Time.Compare)
		d.times = slices.Insert(d.times, at, job.NotBefore)
		d.times = d.times[:min(len(d.times), maxTimes)]
	}
	if d.w.order != jobs.Unordered {
		d.hint(hint{id: job.ID}) // another job of its organization may be next
	}
}
