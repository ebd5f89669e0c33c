//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
)

const batch = `{"resourceType":"Bundle","type":"batch","entry":[
		{"request":{"method":"PUT","url":"Patient/good"},"resource":` + good + `},
		{"request":{"method":"PUT","url":"Patient/nameless"},"resource":` + nameless + `}]}`

// The whole program, from its first request to SIGTERM.
func TestService(t *testing.T) {
	clients, operators := listen(t), listen(t)
	c := &config{clients: clients, operators: operators, data: t.TempDir(), publicURL: &url.URL{Scheme: "http", Host: clients.Addr().String()}}
	var err error
	c.tokens, err = auth.ParseTokens("secret-a=clinic", "secret-b=lab")
	require.NoError(t, err)
	logs := &bytes.Buffer{} // read once run has ended
	ended := make(chan error, 1)
	go func() { ended <- run(t.Context(), c, slog.New(slog.NewJSONHandler(logs, nil))) }()
	clinic := &ingesttest.Client{URL: c.publicURL.String(), Token: "secret-a", HTTP: &http.Client{Timeout: 30 * time.Second}}
	lab := clinic.As("secret-b")
	admin := &ingesttest.Client{URL: "http://" + operators.Addr().String(), HTTP: clinic.HTTP}
	body := func(path string) string { return string(admin.Do(t, "GET", path, "", nil).Body) }

	posted := clinic.PostBundle(t, []byte(batch)).JobID
	follow(t, clinic, posted)
	outcomes := clinic.Outcomes(t, posted)
	require.Equal(t, 200, outcomes.Status)
	require.Contains(t, string(outcomes.Body), `"patient-name"`)
	follow(t, lab, lab.Upload(t, "application/fhir+ndjson", []byte(good)))
	require.Equal(t, 404, lab.Job(t, posted).Status)
	require.Equal(t, 401, clinic.As("unknown").Job(t, posted).Status)
	warned := strings.Replace(batch, `"id":"good"`, `"id":""`, 1) // lenient validation only warns
	require.Equal(t, 400, clinic.Do(t, "POST", "/v1/ingestion/fhir/Bundle", "application/fhir+json", strings.NewReader(warned)).Status)
	db := testDatabase(t, c.data)
	require.Equal(t, []row{{"clinic", "good", "Chalmers", "1974-12-25", 1}, {"lab", "good", "Chalmers", "1974-12-25", 1}}, rows(t, db))

	require.JSONEq(t, `{"status":"ok"}`, body("/healthz"))
	require.JSONEq(t, `{"status":"ready"}`, body("/readyz"))
	metrics := body("/metrics")
	require.Contains(t, metrics, `fhirdock_jobs_finished_total{source="webhook",state="completed"} 1`)
	require.Contains(t, metrics, `route="/v1/objects/{key}",status="200"`)

	// SIGTERM comes in the middle of a request, which is still answered.
	half, rest := io.Pipe()
	req, err := http.NewRequest("POST", clinic.URL+"/v1/ingestion/fhir/Bundle", half)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+clinic.Token)
	req.Header.Set("Content-Type", "application/fhir+json")
	answer := make(chan string, 1)
	go func() {
		resp, err := clinic.HTTP.Do(req)
		if err != nil {
			answer <- err.Error()
			return
		}
		_ = resp.Body.Close()
		answer <- resp.Status
	}()
	_, err = io.WriteString(rest, batch[:50])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	require.Eventually(t, func() bool { return strings.Contains(body("/readyz"), "draining") }, 10*time.Second, 10*time.Millisecond)
	_, err = io.WriteString(rest, batch[50:])
	require.NoError(t, err)
	require.NoError(t, rest.Close())
	require.Equal(t, "202 Accepted", <-answer)
	require.NoError(t, <-ended)

	for line := range strings.Lines(logs.String()) {
		require.True(t, json.Valid([]byte(line)), line)
	}
	require.NotContains(t, logs.String(), "Chalmers")
	require.NotContains(t, logs.String(), "secret-")
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

// follow waits until a job is completed.
func follow(t *testing.T, c *ingesttest.Client, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var job struct{ Status string }
		c.Job(t, id).JSON(t, &job)
		return job.Status == "completed"
	}, 30*time.Second, 20*time.Millisecond)
}
