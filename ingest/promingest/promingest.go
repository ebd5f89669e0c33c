package promingest

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fhirdock/fhirdock/blobstore/diskspace"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/budget"
)

// Options; nil, and zero fields, mean the defaults.
type Options struct {
	// Stats says which states' jobs are counted, and how far. Defaults as documented
	// there: awaiting_upload, accepted, processing and failed, up to 10,000 each. On
	// DynamoDB, Firestore and MongoDB each counted job is a read.
	Stats ingest.StatsRequest
	// CacheFor is how long the gauges of the job store are good for: scrapes within it
	// ask nothing. Default 10 seconds.
	CacheFor time.Duration
	// Timeout is how long a scrape waits for the job store. After it the store's gauges
	// are left out. Keep it below the scrape's own. Default 2 seconds.
	Timeout time.Duration
}

// Metrics of one pipeline. It is a [prometheus.Collector] to be registered once, before
// or after what it watches is known. It is safe for concurrent use.
type Metrics struct {
	opts Options
	counters
	store storeGauges

	service atomic.Pointer[ingest.Service]
	budget  atomic.Pointer[budget.Budget]
	disk    atomic.Pointer[diskspace.Disk]
}

var _ prometheus.Collector = (*Metrics)(nil)

// New returns metrics that count nothing yet. It fails if an option can't work.
func New(opts *Options) (*Metrics, error) {
	m := &Metrics{counters: newCounters()}
	if opts != nil {
		m.opts = *opts
	}
	switch {
	case m.opts.CacheFor < 0 || m.opts.Timeout < 0:
		return nil, errors.New("promingest: no field of Options may be negative")
	case m.opts.CacheFor == 0:
		m.opts.CacheFor = 10 * time.Second
	}
	if m.opts.Timeout == 0 {
		m.opts.Timeout = 2 * time.Second
	}
	if err := m.opts.Stats.Check(); err != nil {
		return nil, err
	}
	return m, nil
}

// WatchService adds the gauges of a Service and of its job store. A later call takes the
// place of an earlier one.
func (m *Metrics) WatchService(s *ingest.Service) { m.service.Store(s) }

// WatchBudget adds gauges of what is in use of a Budget. A later call takes the place of
// an earlier one.
func (m *Metrics) WatchBudget(b *budget.Budget) { m.budget.Store(b) }

// WatchDisk adds gauges of a disk's free space. A later call takes the place of an
// earlier one.
func (m *Metrics) WatchDisk(d *diskspace.Disk) { m.disk.Store(d) }

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(descs chan<- *prometheus.Desc) {
	for _, c := range m.all {
		c.Describe(descs)
	}
	for _, d := range gauges {
		descs <- d
	}
	for _, g := range budgetGauges {
		descs <- g.desc
	}
}

// Collect implements [prometheus.Collector]. It takes at most [Options.Timeout] where the
// job store does not answer.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	for _, c := range m.all {
		c.Collect(metrics)
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	if at := m.lastSweep.Load(); at != 0 {
		gauge(lastSweep, float64(at)/1e9)
	}
	if s := m.service.Load(); s != nil {
		gauge(leasesHeld, float64(s.Leases()))
		m.store.collect(s, m.opts, gauge)
	}
	if b := m.budget.Load(); b != nil {
		usage := b.Usage()
		for _, g := range budgetGauges {
			gauge(g.desc, g.of(usage))
		}
	}
	if d := m.disk.Load(); d != nil {
		gauge(diskFloor, float64(d.Floor()))
		if free, err := d.Free(); err == nil {
			gauge(diskFree, float64(free))
		}
	}
}
