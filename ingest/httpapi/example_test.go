package httpapi_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// exampleService is a pipeline in memory.
func exampleService() *ingest.Service {
	topic, _, err := queue.NewLocal(nil)
	if err != nil {
		panic(err)
	}
	return must(ingest.New(ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()}, &ingest.Options{NoUploads: true}))
}

// The operator's routes are on a separate address. The metrics may be those of package
// promingest, with promhttp.
func ExampleNewAdmin() {
	svc := exampleService()
	health := must(httpapi.NewHealth(svc, nil))
	metrics := http.NotFoundHandler()
	admin := httptest.NewServer(must(httpapi.NewAdmin(health, metrics)))
	defer admin.Close()

	for range 2 {
		resp := must(http.Get(admin.URL + httpapi.ReadyPath))
		resp.Body.Close()
		fmt.Println(resp.Status)
		health.Drain() // ingest.Serve calls it when the process begins to stop
	}
	// Output:
	// 200 OK
	// 503 Service Unavailable
}

// An access log around all routes of a program. The API logs its own requests.
func ExampleAccessLog() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case "time", "took":
			return slog.Attr{}
		}
		return a
	}}))
	mux := http.NewServeMux()
	mux.Handle("/v1/ingestion/", must(httpapi.New(exampleService(), must(auth.ParseTokens("token=org")), &httpapi.Options{Logger: log})))
	mux.HandleFunc("POST /admissions/{id}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	handler := httpapi.AccessLog(mux, &httpapi.AccessLogOptions{
		Logger: log,
		Route: func(path string) string {
			if strings.HasPrefix(path, "/admissions/") {
				return "/admissions/{id}"
			}
			return ""
		},
	})
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/admissions/17?name=Doe", nil))
	// Output:
	// level=INFO msg=request method=POST route=/admissions/{id} status=200 bytes=2
}
