package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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
