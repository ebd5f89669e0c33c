package main

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/budget"
)

// metrics counts what the pipeline tells. No label names a tenant or holds
// anything of a payload.
type metrics struct {
	registry *prometheus.Registry

	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	refused        *prometheus.CounterVec

	payloads      *prometheus.CounterVec
	payloadBytes  *prometheus.CounterVec
	acceptSeconds prometheus.Histogram
	signed        prometheus.Counter
	unrecorded    prometheus.Counter
	ignored       *prometheus.CounterVec
	strangers     *prometheus.CounterVec

	finished     *prometheus.CounterVec
	jobSeconds   *prometheus.HistogramVec
	attempts     *prometheus.CounterVec
	resources    *prometheus.CounterVec
	workedBytes  prometheus.Counter
	batchSeconds prometheus.Histogram
	notWoken     *prometheus.CounterVec
	subscription *prometheus.CounterVec
	removed      *prometheus.CounterVec
}

func newMetrics() *metrics {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	f := promauto.With(r)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Namespace: "fhirdock", Name: name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Namespace: "fhirdock", Name: name, Help: help}, labels)
	}
	seconds := prometheus.ExponentialBuckets(0.001, 2.5, 12) // 1 ms to 24 s
	long := prometheus.ExponentialBuckets(0.01, 4, 10)       // 10 ms to 44 min
	return &metrics{
		registry: r,
		requests: vec("http_requests_total", "Requests answered.", "method", "route", "status"),
		requestSeconds: f.NewHistogramVec(prometheus.HistogramOpts{Namespace: "fhirdock", Name: "http_request_seconds",
			Help: "Time to answer a request.", Buckets: seconds}, []string{"route"}),
		refused: vec("requests_over_budget_total", "Requests that got a 429 or 503 for a budget, by the reason: see package budget; whose is organization or server.",
			"reason", "whose"),
		payloads:     vec("payloads_total", "Payloads that were accepted, or refused with the reason.", "source", "result"),
		payloadBytes: vec("payload_bytes_total", "Bytes of accepted payloads.", "source"),
		acceptSeconds: f.NewHistogram(prometheus.HistogramOpts{Namespace: "fhirdock", Name: "accept_seconds",
			Help: "Time to validate, store and record a Bundle.", Buckets: seconds}),
		signed:     counter("upload_urls_total", "Upload URLs that were issued."),
		unrecorded: counter("payloads_unrecorded_total", "Stored payloads of which it is not known whether their job was recorded."),
		ignored:    vec("objects_ignored_total", "Notifications and listed objects of which nothing came, by the reason: see ingest.EventObjectIgnored.", "reason"),
		strangers:  vec("messages_ignored_total", "Messages of the queue that are no wake-ups and led to nothing, by the reason: see ingest.EventMessageIgnored.", "reason"),
		removed:    vec("removed_total", "Records, payloads, outcomes files and parts that were removed because their retention was over.", "what"),
		finished:   vec("jobs_finished_total", "Jobs that reached a final state.", "source", "state"),
		jobSeconds: f.NewHistogramVec(prometheus.HistogramOpts{Namespace: "fhirdock", Name: "job_seconds",
			Help: "Time from a job's creation to its end.", Buckets: long}, []string{"source", "state"}),
		attempts:    vec("attempts_total", "Claims of jobs, and how attempts went wrong.", "event"),
		resources:   vec("resources_total", "Resources handed over, and rejected.", "result"),
		workedBytes: counter("worked_bytes_total", "Bytes of payload handed over."),
		batchSeconds: f.NewHistogram(prometheus.HistogramOpts{Namespace: "fhirdock", Name: "batch_seconds",
			Help: "Time to hand over a batch.", Buckets: seconds}),
		subscription: vec("subscription_changes_total", "Times that the subscription of a queue was lost, or opened again.", "state"),
		notWoken:     vec("wakeups_not_sent_total", "Wake-ups that were not sent, by the reason; their jobs are found later.", "reason"),
	}
}

// countConnections adds the metrics of connections.
func (m *metrics) countConnections(count func() (open int, ousted int64)) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "fhirdock", Name: "http_connections",
		Help: "Connections that are open."}, func() float64 { open, _ := count(); return float64(open) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "fhirdock", Name: "http_connections_closed_total",
			Help: "Connections without a request that were closed for new ones, at -max-connections."}, func() float64 { _, ousted := count(); return float64(ousted) }))
}

// countWaiting adds the gauge of jobs that wait for a worker. NaN says that they could not
// be counted.
func (m *metrics) countWaiting(count func(context.Context) (int, error)) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "fhirdock", Name: "waiting_jobs",
		Help: "Jobs that wait for a worker, counted up to a tenth more than -max-waiting."}, func() float64 {
		n, err := count(context.Background()) // it has a time-out of its own
		if err != nil {
			return math.NaN()
		}
		return float64(n)
	}))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) request(verb, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method(verb), route, strconv.Itoa(status)).Inc()
	m.requestSeconds.WithLabelValues(route).Observe(took.Seconds())
}

// overBudget is the Budget's Observe.
func (m *metrics) overBudget(r *budget.Refusal) {
	whose := "server"
	if r.Organization {
		whose = "organization"
	}
	m.refused.WithLabelValues(r.Reason, whose).Inc()
}

// showBudget has gauges say what is taken of a Budget.
func (m *metrics) showBudget(b *budget.Budget) {
	f := promauto.With(m.registry)
	for name, g := range map[string]struct {
		help string
		of   func(budget.Usage) float64
	}{
		"requests_in_flight":       {"Requests of known callers in flight.", func(u budget.Usage) float64 { return float64(u.Requests) }},
		"uploads_in_flight":        {"Uploads to a folder in flight.", func(u budget.Usage) float64 { return float64(u.Puts) }},
		"webhooks_unverified":      {"Webhooks in flight that are not verified yet.", func(u budget.Usage) float64 { return float64(u.Webhooks) }},
		"requests_unauthenticated": {"Requests in flight whose sender is not known yet.", func(u budget.Usage) float64 { return float64(u.Unauthenticated) }},
		"requests_waiting":         {"Requests that wait for their turn to be worked on.", func(u budget.Usage) float64 { return float64(u.Waiting) }},
		"request_bytes_in_flight":  {"Bytes of Bundles in flight.", func(u budget.Usage) float64 { return float64(u.Bytes) }},
	} {
		f.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "fhirdock", Name: name, Help: g.help}, func() float64 { return g.of(b.Usage()) })
	}
}

// observe is the pipeline's Observe.
func (m *metrics) observe(e ingest.Event) {
	switch e.Kind {
	case ingest.EventAccepted:
		m.payloads.WithLabelValues(e.Source, "accepted").Inc()
		m.payloadBytes.WithLabelValues(e.Source).Add(float64(e.Bytes))
		if e.Duration > 0 {
			m.acceptSeconds.Observe(e.Duration.Seconds())
		}
	case ingest.EventRefused:
		m.payloads.WithLabelValues(e.Source, e.Code).Inc()
	case ingest.EventUnrecorded:
		m.unrecorded.Inc()
	case ingest.EventUploadSigned:
		m.signed.Inc()
	case ingest.EventObjectIgnored:
		m.ignored.WithLabelValues(e.Code).Inc()
	case ingest.EventMessageIgnored:
		m.strangers.WithLabelValues(e.Code).Inc()
	case ingest.EventBatch:
		m.resources.WithLabelValues("done").Add(float64(e.Resources))
		m.resources.WithLabelValues("rejected").Add(float64(e.Rejected))
		m.workedBytes.Add(float64(e.Bytes))
		m.batchSeconds.Observe(e.Duration.Seconds())
	case ingest.EventRemoved:
		m.removed.WithLabelValues(e.Code).Inc()
	case ingest.EventFinished:
		m.finished.WithLabelValues(e.Source, e.State).Inc()
		if e.Duration > 0 {
			m.jobSeconds.WithLabelValues(e.Source, e.State).Observe(e.Duration.Seconds())
		}
	case ingest.EventClaimed, ingest.EventRetry, ingest.EventWaiting, ingest.EventRescued, ingest.EventLeaseLost:
		m.attempts.WithLabelValues(string(e.Kind)).Inc()
	case ingest.EventSubscription:
		m.subscription.WithLabelValues(e.Code).Inc()
	case ingest.EventNotWoken:
		m.notWoken.WithLabelValues(e.Code).Inc()
	}
}
