package promingest

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/budget"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
)

// counters are the metrics that events move.
type counters struct {
	all []prometheus.Collector

	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	refused        *prometheus.CounterVec

	payloads        *prometheus.CounterVec
	payloadBytes    *prometheus.CounterVec
	acceptSeconds   prometheus.Histogram
	signed          prometheus.Counter
	unrecorded      prometheus.Counter
	ignoredObjects  *prometheus.CounterVec
	ignoredMessages *prometheus.CounterVec

	finished     *prometheus.CounterVec
	jobSeconds   *prometheus.HistogramVec
	attempts     *prometheus.CounterVec
	resources    *prometheus.CounterVec
	workedBytes  prometheus.Counter
	batchSeconds prometheus.Histogram

	woken        prometheus.Counter
	notWoken     *prometheus.CounterVec
	subscription *prometheus.CounterVec
	sweeps       *prometheus.CounterVec
	sweepSeconds prometheus.Histogram
	swept        prometheus.Counter
	lastSweep    *atomic.Int64 // that succeeded, in nanoseconds since 1970; 0: none
	removed      *prometheus.CounterVec
	erasures     *prometheus.CounterVec
	erased       prometheus.Counter
}

func newCounters() counters {
	var all []prometheus.Collector
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
		all = append(all, c)
		return c
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
		all = append(all, c)
		return c
	}
	histogram := func(name, help string) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: short})
		all = append(all, h)
		return h
	}
	histograms := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
		all = append(all, h)
		return h
	}
	c := counters{
		requests:       vec("http_requests_total", "Answered requests.", "method", "route", "status"),
		requestSeconds: histograms("http_request_seconds", "Time to answer a request.", short, "route"),
		refused: vec("requests_over_budget_total", "Requests that got a 429 or 503 because of a budget, by the reason: see package budget; whose is organization or server.",
			"reason", "whose"),

		payloads:        vec("payloads_total", "Payloads that were accepted, or refused with the code.", "source", "result"),
		payloadBytes:    vec("payload_bytes_total", "Bytes of accepted payloads.", "source"),
		acceptSeconds:   histogram("accept_seconds", "Time to validate, store and record a Bundle."),
		signed:          counter("upload_urls_total", "Upload URLs that were issued."),
		unrecorded:      counter("payloads_unrecorded_total", "Stored payloads whose job may not have been recorded."),
		ignoredObjects:  vec("objects_ignored_total", "Notifications and listed objects that led to no job, by the reason: see ingest.EventObjectIgnored.", "reason"),
		ignoredMessages: vec("messages_ignored_total", "Messages of the queue that were not wake-ups, by the reason: see ingest.EventMessageIgnored.", "reason"),

		finished:     vec("jobs_finished_total", "Jobs that reached a final state.", "source", "state"),
		jobSeconds:   histograms("job_seconds", "Time from a job's creation to its end.", long, "source", "state"),
		attempts:     vec("attempts_total", "Claims of jobs, and how attempts went wrong.", "event"),
		resources:    vec("resources_total", "Resources that were handed over, and that were rejected.", "result"),
		workedBytes:  counter("worked_bytes_total", "Bytes of payload that were handed over."),
		batchSeconds: histogram("batch_seconds", "Time to hand over a batch."),

		woken:        counter("wakeups_sent_total", "Wake-ups that sweepers sent for jobs that wait."),
		notWoken:     vec("wakeups_not_sent_total", "Wake-ups that were not sent, by the reason; their jobs are found later.", "reason"),
		subscription: vec("subscription_changes_total", "Times that the subscription of a queue was lost, or opened again.", "state"),
		sweeps:       vec("sweeps_total", "Sweeps that ended, ok or failed.", "result"),
		sweepSeconds: histogram("sweep_seconds", "Time of a sweep."),
		swept:        counter("swept_jobs_total", "Due jobs that sweepers looked after."),
		lastSweep:    new(atomic.Int64),
		removed:      vec("removed_total", "Records, payloads, outcomes files and parts that were removed because their retention was over.", "what"),
		erasures:     vec("erasures_total", "Erasures that ended without an error, of a job or an organization.", "what"),
		erased:       counter("erased_jobs_total", "Jobs that were erased."),
	}
	c.all = all
	return c
}

var (
	short = prometheus.ExponentialBuckets(0.001, 2.5, 12) // 1 ms to 24 s
	long  = prometheus.ExponentialBuckets(0.01, 4, 10)    // 10 ms to 44 min
)

// Observe counts an event; it is [ingest.Options.Observe].
func (m *Metrics) Observe(e ingest.Event) {
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
		m.ignoredObjects.WithLabelValues(e.Code).Inc()
	case ingest.EventMessageIgnored:
		m.ignoredMessages.WithLabelValues(e.Code).Inc()
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
	case ingest.EventSubscription:
		m.subscription.WithLabelValues(e.Code).Inc()
	case ingest.EventWoken:
		m.woken.Inc()
	case ingest.EventNotWoken:
		m.notWoken.WithLabelValues(e.Code).Inc()
	case ingest.EventSwept:
		m.sweeps.WithLabelValues(e.Code).Inc()
		m.sweepSeconds.Observe(e.Duration.Seconds())
		m.swept.Add(float64(e.Resources))
		if e.Code == "ok" {
			m.lastSweep.Store(time.Now().UnixNano())
		}
	case ingest.EventRemoved:
		m.removed.WithLabelValues(e.Code).Inc()
	case ingest.EventErased:
		m.erasures.WithLabelValues(e.Code).Inc()
		m.erased.Add(float64(e.Resources))
	}
}

// ObserveRefusal counts a refusal; it is [budget.Options.Observe].
func (m *Metrics) ObserveRefusal(r *budget.Refusal) {
	whose := "server"
	if r.Organization {
		whose = "organization"
	}
	m.refused.WithLabelValues(r.Reason, whose).Inc()
}

// ObserveRequest counts a request; it is [httpapi.AccessLogOptions.Observe].
func (m *Metrics) ObserveRequest(a httpapi.Access) {
	m.requests.WithLabelValues(a.Method, a.Route, strconv.Itoa(a.Status)).Inc()
	m.requestSeconds.WithLabelValues(a.Route).Observe(a.Duration.Seconds())
}
