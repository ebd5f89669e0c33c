package ingest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/httpbody"
	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/budget"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
)

// plainServer serves all of the library's handlers with an http.Server whose only timeout
// is WriteTimeout, and returns its address and the request line of a signed PUT.
func plainServer(t *testing.T, limits httpbody.Limits, timeout, writing time.Duration) (addr, put string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	tokens, err := auth.ParseTokens("dev=demo")
	require.NoError(t, err)
	webhooks, err := auth.NewWebhooks([]auth.WebhookEndpoint{
		{Name: "demo", Caller: ingest.Caller{OrganizationID: "demo"}, Secrets: []string{"whsec_" + strings.Repeat("c2VjcmV0", 4)}},
	}, nil)
	require.NoError(t, err)
	front, err := httpapi.New(p.Service, tokens, &httpapi.Options{Logger: log, Body: limits, Webhooks: webhooks})
	require.NoError(t, err)
	signer, err := signedurl.NewSigner(&url.URL{Scheme: "http", Host: "x", Path: "/v1/objects"}, bytes.Repeat([]byte{1}, 32), nil)
	require.NoError(t, err)
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { _ = bucket.Close() })
	uploads, err := signedurl.NewHandler(bucket, signer, &signedurl.HandlerOptions{Logger: log, Body: limits, Admit: manyPuts(t)})
	require.NoError(t, err)
	told, err := notify.NewHandler(p.Service.ObjectCreated, &notify.HandlerOptions{Secrets: []string{"sixteen bytes...."}, Timeout: timeout, Logger: log})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/", front)
	mux.Handle("/v1/objects/", uploads)
	mux.Handle("/v1/notifications", told)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: mux, WriteTimeout: writing}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		require.ErrorIs(t, <-ended, http.ErrServerClosed)
	})
	signed, err := signer.SignUpload(t.Context(), "k", blobstore.UploadPolicy{})
	require.NoError(t, err)
	u, err := url.Parse(signed.URL)
	require.NoError(t, err)
	return listener.Addr().String(), "PUT " + u.RequestURI()
}

// A request that announces a body and sends none of it, or a byte now and then, ends and
// its connection is closed, on every route, for every sender, and under an http.Server
// without timeouts.
func TestBodiesThatStallEndOnEveryRoute(t *testing.T) {
	limits := httpbody.Limits{Stall: 300 * time.Millisecond, MinRate: 1000, Refused: 200 * time.Millisecond}
	addr, put := plainServer(t, limits, 300*time.Millisecond, 0)
	const job = "/v1/ingestion/jobs/0190e8f8-0000-7000-8000-000000000000"
	const stale = "Webhook-Id: a\r\nWebhook-Timestamp: 1\r\nWebhook-Signature: v1,AAAA\r\n"
	fresh := fmt.Sprintf("Webhook-Id: a\r\nWebhook-Timestamp: %d\r\nWebhook-Signature: v1,%s=\r\n", time.Now().Unix(), strings.Repeat("A", 43))
	routes := []struct {
		request, header string
		stranger, known int // statuses
	}{
		{"POST /v1/ingestion/fhir/Bundle", "", 401, 408},
		{"POST /v1/ingestion/fhir/Bundle", "Content-Type: text/plain\r\n", 401, 415},
		{"POST /v1/ingestion/fhir/Bundle?unknown=1", "", 401, 400},
		{"PUT /v1/ingestion/fhir/Bundle", "", 405, 405},
		{"OPTIONS /v1/ingestion/fhir/Bundle", "", 204, 204},
		{"POST /v1/ingestion/fhir/Bundle?endpoint=demo", stale, 401, 401},
		{"POST /v1/ingestion/fhir/Bundle?endpoint=demo", fresh, 408, 408},
		{"POST /v1/ingestion/upload-url", "", 401, 408},
		{"GET /v1/ingestion/jobs", "", 401, 200},
		{"POST /v1/ingestion/jobs/redrive?status=failed", "", 401, 202},
		{"GET " + job, "", 401, 404},
		{"HEAD " + job, "", 401, 404},
		{"DELETE " + job, "", 401, 404},
		{"POST " + job + "/redrive", "", 401, 404},
		{"GET " + job + "/outcomes", "", 401, 404},
		{"POST /nowhere", "", 404, 404},
		{put, "", 408, 408},
		{put, "Content-Encoding: gzip\r\n", 415, 415},
		{strings.Replace(put, "PUT", "GET", 1), "", 403, 403},
		{"PUT /v1/objects/k", "", 403, 403},
		{"GET /v1/objects/k", "", 403, 403},
		{"POST /v1/objects/k", "", 405, 405},
		{"OPTIONS /v1/objects/k", "", 405, 405},
		{"POST /v1/notifications", "", 401, 401},
		{"POST /v1/notifications", "X-Secret: 1\r\n", 401, 401},
		{"HEAD /v1/notifications", "", 401, 401},
		{"PUT /v1/notifications", "", 405, 405},
		{"OPTIONS /v1/notifications", "", 204, 204},
	}
	tokens := map[string]string{"no token": "", "token": "Authorization: Bearer dev\r\n", "secret": "Authorization: sixteen bytes....\r\n"}
	bodies := map[string]struct {
		header  string
		dribble string // sent every 20 ms
	}{
		"announced":            {"Content-Length: 10000000\r\n", ""},
		"small, announced":     {"Content-Length: 1000\r\n", ""},
		"chunked":              {"Transfer-Encoding: chunked\r\n", ""},
		"expecting":            {"Content-Length: 1000\r\nExpect: 100-continue\r\n", ""},
		"dribbled":             {"Content-Length: 1000\r\n", " "},
		"dribbled in chunks":   {"Transfer-Encoding: chunked\r\n", "1\r\n \r\n"},
		"large, and dribbled":  {"Content-Length: 10000000\r\n", " "},
		"one chunk, dribbled":  {"Transfer-Encoding: chunked\r\n\r\nfffff\r\n", " "},
		"half of a chunk head": {"Transfer-Encoding: chunked\r\n\r\n1", ""},
	}
	var requests sync.WaitGroup
	for _, route := range routes {
		for token, authorization := range tokens {
			for name, body := range bodies {
				want := route.stranger
				if token == "token" {
					want = route.known
				}
				if token == "secret" && strings.HasSuffix(route.request, "/notifications") {
					want = map[string]int{"POST": 408, "HEAD": 204, "PUT": 405, "OPTIONS": 204}[strings.Fields(route.request)[0]]
				} else if token == "secret" && want == 401 && route.header != stale {
					continue // a malformed header, tested elsewhere
				}
				if strings.Contains(body.header, "chunked") && strings.HasPrefix(route.request, "PUT /v1/objects/k?") && want == 408 {
					want = 411
				}
				requests.Go(func() {
					what := fmt.Sprintf("%s %q, %s, %s", route.request, route.header, token, name)
					head := fmt.Sprintf("%s HTTP/1.1\r\nHost: x\r\n%s%s%s", route.request, route.header, authorization, body.header)
					if !strings.Contains(body.header, "\r\n\r\n") {
						head += "\r\n"
					}
					began := time.Now()
					status, err := holdOpen(addr, head, body.dribble)
					if err != nil {
						t.Errorf("%s: after %s: %v", what, time.Since(began).Round(time.Millisecond), err)
					} else if status != want {
						t.Errorf("%s: %d, not %d", what, status, want)
					}
				})
			}
		}
	}
	requests.Wait()
}

// manyPuts admits more uploads than the default.
func manyPuts(t *testing.T) func(string, int64) (signedurl.Place, error) {
	b, err := budget.New(&budget.Options{Puts: 1000, PutsPerOrganization: 1000})
	require.NoError(t, err)
	return func(_ string, bytes int64) (signedurl.Place, error) {
		return b.Admit(budget.Request{Put: true, Bytes: bytes})
	}
}

// A body that takes longer than Server.WriteTimeout still gets its answer.
func TestWriteTimeoutCutsNoAnswer(t *testing.T) {
	const timeout = 50 * time.Millisecond
	addr, put := plainServer(t, httpbody.Limits{}, 10*time.Second, timeout)
	const bundle = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient"}}]}`
	for request, want := range map[string]int{
		"POST /v1/ingestion/fhir/Bundle": 202, "POST /v1/ingestion/upload-url": 200, put: 200, "POST /v1/notifications": 204,
	} {
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		defer conn.Close()
		authorization := "Bearer dev"
		if want == 204 {
			authorization = "sixteen bytes...."
		}
		_, err = fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n", request, authorization, len(bundle))
		require.NoError(t, err)
		for _, half := range []string{bundle[:50], bundle[50:]} {
			time.Sleep(2 * timeout)
			_, err = io.WriteString(conn, half)
			require.NoError(t, err)
		}
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, request)
		require.Equal(t, want, resp.StatusCode, request)
	}
}

// holdOpen sends the head of a request and then pieces of its body, and returns the
// status of the answer once the server has closed the connection.
func holdOpen(addr, head, dribble string) (status int, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, head); err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for dribble != "" {
			if _, err := io.WriteString(conn, dribble); err != nil {
				return // the server has closed the connection
			}
			select {
			case <-ended:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	_ = conn.SetReadDeadline(time.Now().Add(15 * time.Second))
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err == nil && resp.StatusCode == http.StatusContinue {
		resp, err = http.ReadResponse(r, nil)
	}
	if err != nil {
		return 0, fmt.Errorf("no answer: %w", err)
	}
	_, err = io.Copy(io.Discard, r)
	if nerr, ok := err.(net.Error); ok && nerr.Timeout() {
		return 0, fmt.Errorf("status %d, and the connection is still open", resp.StatusCode)
	}
	return resp.StatusCode, nil // the connection was closed
}
