package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/httpapi"
)

// A handler's panic is logged without its value.
func TestPanicsAreLoggedWithoutTheirValue(t *testing.T) {
	var logs bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logs, nil))
	m, err := newMetrics()
	require.NoError(t, err)
	h := observed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			w.WriteHeader(http.StatusOK)
		}
		panic("canary-1234")
	}), log, m)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/late", nil)) })
	require.Equal(t, 2, strings.Count(logs.String(), "level=ERROR"))
	require.Contains(t, logs.String(), "TestPanicsAreLoggedWithoutTheirValue")
	require.NotContains(t, logs.String(), "canary")
}

func TestRoutesHideWhatIsUnknown(t *testing.T) {
	for path, want := range map[string]string{
		"/v1/ingestion/fhir/Bundle":          "/v1/ingestion/fhir/Bundle",
		"/v1/ingestion/jobs":                 "/v1/ingestion/jobs",
		"/v1/ingestion/jobs/abc":             "/v1/ingestion/jobs/{jobId}",
		"/v1/ingestion/jobs/abc/outcomes":    "/v1/ingestion/jobs/{jobId}/outcomes",
		"/v1/ingestion/jobs/abc/Jane-Doe":    "other",
		"/v1/ingestion/jobs/a/redrive/twice": "other",
		"/v1/objects/incoming/x.json":        "/v1/objects/{key}",
		"/Patient/Jane-Doe":                  "other",
		"/":                                  "other",
	} {
		var seen httpapi.Access
		h := httpapi.AccessLog(http.NotFoundHandler(), &httpapi.AccessLogOptions{
			Route: route, Logger: slog.New(slog.DiscardHandler), Observe: func(a httpapi.Access) { seen = a },
		})
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("JANE", path, nil))
		require.Equal(t, want, seen.Route, path)
		require.Equal(t, "other", seen.Method)
	}
}
