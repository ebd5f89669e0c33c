package httpapi_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/internal/loglimit"
	"github.com/fhirdock/fhirdock/jobs"
)

// Unauthenticated requests and a failing job store don't fill the log; every authenticated
// request has its line.
func TestTheLogIsNotFlooded(t *testing.T) {
	var away atomic.Bool
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Jobs: faulttest.Store(jobs.NewMemStore(), func(context.Context, faulttest.Call) faulttest.Fault {
		if away.Load() {
			return faulttest.Before
		}
		return faulttest.None
	})})
	var logs bytes.Buffer
	front := must(httpapi.New(p.Service, must(auth.ParseTokens("token=org")), &httpapi.Options{Logger: slog.New(slog.NewTextHandler(&logs, nil))}))
	const sent = 50
	send := func(method, path, token string, want int) {
		t.Helper()
		logs.Reset()
		for range sent {
			r := httptest.NewRequest(method, path, nil)
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			front.ServeHTTP(w, r)
			require.Equal(t, want, w.Code)
		}
	}
	lines := func(of string) int { return strings.Count(logs.String(), of) }

	send("GET", jobsPath, "token", http.StatusOK)
	require.Equal(t, sent, lines("level=INFO msg=request"))
	send("GET", jobsPath, "stranger", http.StatusUnauthorized)
	require.Equal(t, loglimit.PerMinute, lines("\n"))
	send("GET", "/nowhere", "stranger", http.StatusNotFound)
	require.Zero(t, lines("\n"))
	send("OPTIONS", jobsPath, "", http.StatusNoContent)
	require.Zero(t, lines("\n"))

	away.Store(true)
	send("GET", jobsPath, "token", http.StatusServiceUnavailable)
	require.Equal(t, loglimit.PerMinute, lines(`level=WARN msg="request failed"`))
	require.Zero(t, lines("level=ERROR"))
	require.Equal(t, sent, lines("level=INFO msg=request"))
}
