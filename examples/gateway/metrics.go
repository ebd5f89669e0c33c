package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fhirdock/fhirdock/ingest/promingest"
)

// metrics holds the metrics of the pipeline, the process and the gateway's connections.
type metrics struct {
	*promingest.Metrics
	registry *prometheus.Registry
}

func newMetrics() (*metrics, error) {
	pipeline, err := promingest.New(nil)
	if err != nil {
		return nil, err
	}
	r := prometheus.NewRegistry()
	r.MustRegister(pipeline, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &metrics{pipeline, r}, nil
}

// countConnections adds the metrics of connections.
func (m *metrics) countConnections(count func() (open int, ousted int64)) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "fhirdock", Name: "http_connections",
		Help: "Open connections."}, func() float64 { open, _ := count(); return float64(open) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "fhirdock", Name: "http_connections_closed_total",
			Help: "Idle connections closed to make room for new ones, at -max-connections."}, func() float64 { _, ousted := count(); return float64(ousted) }))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
