package promingest_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"regexp"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/promingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func Example() {
	topic, _, err := queue.NewLocal(nil)
	if err != nil {
		log.Fatal(err)
	}
	backends := ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()}

	m := must(promingest.New(nil))
	registry := prometheus.NewRegistry()
	registry.MustRegister(m)
	svc := must(ingest.New(backends, &ingest.Options{NoUploads: true, Observe: m.Observe}))
	m.WatchService(svc)

	bundle := `{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}]}`
	must(svc.Accept(context.Background(), ingest.Caller{OrganizationID: "clinic"}, ingest.AcceptRequest{Body: strings.NewReader(bundle)}))

	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range regexp.MustCompile(`(?m)^fhirdock_(jobs|payloads_total|job_store_up).*`).FindAllString(w.Body.String(), -1) {
		fmt.Println(line)
	}
	// Output:
	// fhirdock_job_store_up 1
	// fhirdock_jobs{state="accepted"} 1
	// fhirdock_jobs{state="awaiting_upload"} 0
	// fhirdock_jobs{state="failed"} 0
	// fhirdock_jobs{state="processing"} 0
	// fhirdock_payloads_total{result="accepted",source="webhook"} 1
}
