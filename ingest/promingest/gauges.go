package promingest

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/budget"
	"github.com/fhirdock/fhirdock/jobs"
)

const namespace = "fhirdock"

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

var (
	jobsIn        = desc("jobs", "Jobs in a state, counted up to a limit.", "state")
	waitingJobs   = desc("waiting_jobs", "Jobs that wait for a worker: those in the state accepted.")
	oldestWaiting = desc("oldest_waiting_job_seconds", "How long a job has been ready and not claimed.")
	dueJobs       = desc("due_jobs", "Jobs that the sweeper should look at now, counted up to 500.")
	overdueJobs   = desc("overdue_jobs", "Jobs that have been due for longer than Options.Stats.Overdue, by default a minute, counted up to 500.")
	oldestDue     = desc("oldest_due_job_seconds", "How long the job that has been due for longest has been due.")
	storeUp       = desc("job_store_up", "Whether the job store answered when it was last asked for the gauges of jobs.")

	leasesHeld = desc("leases_held", "Jobs that workers of this process hold.")
	lastSweep  = desc("last_sweep_timestamp_seconds", "When a sweep last succeeded, in seconds since 1970.")
	diskFree   = desc("disk_free_bytes", "Free space of the disk of payloads.")
	diskFloor  = desc("disk_floor_bytes", "How much of that disk has to stay free.")
)

// gauges are those that are made when they are scraped, without the budget's.
var gauges = []*prometheus.Desc{
	jobsIn, waitingJobs, oldestWaiting, dueJobs, overdueJobs, oldestDue, storeUp, leasesHeld, lastSweep, diskFree, diskFloor,
}

var budgetGauges = []struct {
	desc *prometheus.Desc
	of   func(budget.Usage) float64
}{
	{desc("requests_in_flight", "Requests of known callers in flight."), func(u budget.Usage) float64 { return float64(u.Requests) }},
	{desc("uploads_in_flight", "Uploads to a folder in flight."), func(u budget.Usage) float64 { return float64(u.Puts) }},
	{desc("webhooks_unverified", "Webhooks in flight that are not verified yet."), func(u budget.Usage) float64 { return float64(u.Webhooks) }},
	{desc("requests_unauthenticated", "Requests in flight whose sender is not known yet."), func(u budget.Usage) float64 { return float64(u.Unauthenticated) }},
	{desc("requests_waiting", "Requests that wait for their turn to be worked on."), func(u budget.Usage) float64 { return float64(u.Waiting) }},
	{desc("request_bytes_in_flight", "Bytes of Bundles in flight."), func(u budget.Usage) float64 { return float64(u.Bytes) }},
}

// storeGauges caches what the job store said.
type storeGauges struct {
	mu    sync.Mutex
	of    *ingest.Service
	at    time.Time
	stats *ingest.Stats // nil: it did not answer
}

func (g *storeGauges) collect(s *ingest.Service, opts Options, gauge func(*prometheus.Desc, float64, ...string)) {
	stats := g.ask(s, opts)
	if stats == nil {
		gauge(storeUp, 0)
		return
	}
	gauge(storeUp, 1)
	for state, n := range stats.Jobs {
		gauge(jobsIn, float64(n), string(state))
	}
	if n, ok := stats.Jobs[jobs.Accepted]; ok {
		gauge(waitingJobs, float64(n))
	}
	gauge(oldestWaiting, stats.OldestWaiting.Seconds())
	gauge(dueJobs, float64(stats.Due))
	gauge(overdueJobs, float64(stats.Overdue))
	gauge(oldestDue, stats.OldestDue.Seconds())
}

// ask asks the job store, unless it was asked not long ago. Scrapes at the same time
// share one answer.
func (g *storeGauges) ask(s *ingest.Service, opts Options) *ingest.Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of == s && time.Since(g.at) < opts.CacheFor {
		return g.stats
	}
	ctx, cancel := context.WithTimeout(context.Background(), opts.Timeout)
	defer cancel()
	stats, err := s.Operator().Stats(ctx, &opts.Stats)
	if err != nil {
		stats = nil
	}
	g.of, g.at, g.stats = s, time.Now(), stats
	return stats
}
