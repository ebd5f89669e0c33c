package main

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fhirdock/fhirdock/ingest"
)

// metrics counts what the pipeline tells. No label names a tenant or holds
// anything of a payload.
type metrics struct {
	registry *prometheus.Registry

	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec

	payloads      *prometheus.CounterVec
	payloadBytes  *prometheus.CounterVec
	acceptSeconds prometheus.Histogram
	signed        prometheus.Counter
	ignored       *prometheus.CounterVec
	strangers     *prometheus.CounterVec

	finished     *prometheus.CounterVec
	jobSeconds   *prometheus.HistogramVec
	attempts     *prometheus.CounterVec
	resources    *prometheus.CounterVec
	workedBytes  prometheus.Counter
	batchSeconds prometheus.Histogram
	woken        prometheus.Counter
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
		payloads:     vec("payloads_total", "Payloads that were accepted, or refused with the reason.", "source", "result"),
		payloadBytes: vec("payload_bytes_total", "Bytes of accepted payloads.", "source"),
		acceptSeconds: f.NewHistogram(prometheus.HistogramOpts{Namespace: "fhirdock", Name: "accept_seconds",
			Help: "Time to validate, store and record a Bundle.", Buckets: seconds}),
		signed:    counter("upload_urls_total", "Upload URLs that were issued."),
		ignored:   vec("objects_ignored_total", "Notifications and listed objects of which nothing came, by the reason: see ingest.EventObjectIgnored.", "reason"),
		strangers: vec("messages_ignored_total", "Messages of the queue that are no wake-ups and led to nothing, by the reason: see ingest.EventMessageIgnored.", "reason"),
		finished:  vec("jobs_finished_total", "Jobs that reached a final state.", "source", "state"),
		jobSeconds: f.NewHistogramVec(prometheus.HistogramOpts{Namespace: "fhirdock", Name: "job_seconds",
			Help: "Time from a job's creation to its end.", Buckets: long}, []string{"source", "state"}),
		attempts:    vec("attempts_total", "Claims of jobs, and how attempts went wrong.", "event"),
		resources:   vec("resources_total", "Resources handed over, and rejected.", "result"),
		workedBytes: counter("worked_bytes_total", "Bytes of payload handed over."),
		batchSeconds: f.NewHistogram(prometheus.HistogramOpts{Namespace: "fhirdock", Name: "batch_seconds",
			Help: "Time to hand over a batch.", Buckets: seconds}),
		woken: counter("wakeups_resent_total", "Wake-ups that the sweeper sent again."),
	}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) request(verb, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method(verb), route, strconv.Itoa(status)).Inc()
	m.requestSeconds.WithLabelValues(route).Observe(took.Seconds())
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
	case ingest.EventFinished:
		m.finished.WithLabelValues(e.Source, e.State).Inc()
		if e.Duration > 0 {
			m.jobSeconds.WithLabelValues(e.Source, e.State).Observe(e.Duration.Seconds())
		}
	case ingest.EventClaimed, ingest.EventRetry, ingest.EventWaiting, ingest.EventRescued, ingest.EventLeaseLost:
		m.attempts.WithLabelValues(string(e.Kind)).Inc()
	case ingest.EventWoken:
		m.woken.Inc()
	}
}
