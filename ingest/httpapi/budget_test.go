package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/budget"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
)

// budgeted is an API with a budget, for the organizations a, b and c with tokens of the
// same names.
type budgeted struct {
	*budget.Budget
	door http.Handler
	logs bytes.Buffer
	wait sync.WaitGroup
}

func newBudgeted(t *testing.T, o budget.Options, change func(*httpapi.Options, *auth.Authenticator)) *budgeted {
	t.Helper()
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	b := &budgeted{Budget: must(budget.New(&o))}
	var known auth.Authenticator = must(auth.ParseTokens("a=a", "b=b", "c=c"))
	opts := &httpapi.Options{Budget: b.Budget, Logger: slog.New(slog.NewTextHandler(&b.logs, nil))}
	if change != nil {
		change(opts, &known)
	}
	b.door = must(httpapi.New(p.Service, known, opts))
	t.Cleanup(func() {
		b.wait.Wait()
		require.Zero(t, b.Usage(), "all places of the budget are released")
	})
	return b
}

func (b *budgeted) send(method, path, token string, body io.Reader, length int64) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, body)
	r.ContentLength = length
	r.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		r.Header.Set("Content-Type", fhirJSON)
	}
	w := httptest.NewRecorder()
	b.door.ServeHTTP(w, r)
	return w
}

func (b *budgeted) bundle(token string) *httptest.ResponseRecorder {
	return b.send(http.MethodPost, bundlePath, token, strings.NewReader(small), int64(len(small)))
}

// slow sends a Bundle whose body is empty until the returned function is called.
func (b *budgeted) slow(t *testing.T, token string, length int64) (end func()) {
	t.Helper()
	before := b.Usage().Requests
	r, w := io.Pipe()
	b.wait.Go(func() { b.send(http.MethodPost, bundlePath, token, r, length) })
	require.Eventually(t, func() bool { return b.Usage().Requests == before+1 }, 10*time.Second, time.Millisecond)
	return func() { _ = w.CloseWithError(io.ErrUnexpectedEOF) }
}

// neverRead is a body that must not be read.
type neverRead struct{ t *testing.T }

func (n neverRead) Read([]byte) (int, error) {
	n.t.Error("the body of a request above a budget was read")
	return 0, io.EOF
}

func TestAnOrganizationCannotTakeAllPlaces(t *testing.T) {
	b := newBudgeted(t, budget.Options{Requests: 8}, nil)
	for range 4 {
		defer b.slow(t, "a", 100)()
	}
	over := b.send(http.MethodPost, bundlePath, "a", neverRead{t}, 100)
	require.Equal(t, http.StatusTooManyRequests, over.Code)
	require.Contains(t, over.Body.String(), `"error":"The organization has too many requests in flight; try again later"`)
	require.Regexp(t, "^[12]$", over.Header().Get("Retry-After"))
	require.Equal(t, `"requests";q=4;qu="concurrent-requests"`, over.Header().Get("RateLimit-Policy"))
	require.Equal(t, `"requests";r=0;t=`+over.Header().Get("Retry-After"), over.Header().Get("RateLimit"))
	require.Contains(t, b.logs.String(), "status=429")
	require.Contains(t, b.logs.String(), "code=budget-requests")
	require.NotContains(t, b.logs.String(), "level=ERROR")

	require.Equal(t, http.StatusTooManyRequests, b.send(http.MethodGet, jobsPath, "a", nil, 0).Code)
	require.Equal(t, http.StatusAccepted, b.bundle("b").Code)
	require.Equal(t, http.StatusOK, b.send(http.MethodGet, jobsPath, "c", nil, 0).Code)
}

func TestBytesInFlight(t *testing.T) {
	const mib = 1 << 20
	b := newBudgeted(t, budget.Options{Bytes: 8 * mib}, nil)
	defer b.slow(t, "a", 3*mib)()
	over := b.send(http.MethodPost, bundlePath, "a", neverRead{t}, 2*mib)
	require.Equal(t, http.StatusTooManyRequests, over.Code)
	require.Equal(t, `"bytes";q=4194304;qu="content-bytes"`, over.Header().Get("RateLimit-Policy"))
	require.Equal(t, http.StatusAccepted, b.bundle("a").Code, "one that fits")

	defer b.slow(t, "b", 2*mib)()
	defer b.slow(t, "c", 3*mib)()
	over = b.send(http.MethodPost, bundlePath, "b", neverRead{t}, 2*mib)
	require.Equal(t, http.StatusServiceUnavailable, over.Code)
	require.Contains(t, over.Body.String(), "The server has too many bytes")
}

// A body without a Content-Length is charged as it is read.
func TestABodyWithoutALengthGrows(t *testing.T) {
	const mib = 1 << 20
	b := newBudgeted(t, budget.Options{Bytes: 16 * mib}, nil)
	body := strings.Repeat(" ", 3*mib) + small
	long := func() *httptest.ResponseRecorder {
		return b.send(http.MethodPost, bundlePath, "a", struct{ io.Reader }{strings.NewReader(body)}, -1)
	}
	require.Equal(t, http.StatusAccepted, long().Code)
	end := b.slow(t, "b", 8*mib)
	over := long()
	require.Equal(t, http.StatusTooManyRequests, over.Code, over.Body)
	require.Contains(t, over.Body.String(), "too many bytes of bodies in flight")
	end()
	b.wait.Wait()
	require.Equal(t, http.StatusAccepted, long().Code)
}

// hangs is an Authenticator that waits for the end of a request.
type hangs struct{ auth.Authenticator }

func (h hangs) Authenticate(r *http.Request) (ingest.Caller, error) {
	if r.Header.Get("Authorization") == "Bearer stranger" {
		<-r.Context().Done()
		return ingest.Caller{}, errors.New("the issuer does not answer")
	}
	return h.Authenticator.Authenticate(r)
}

func TestUnauthenticatedRequestsAreBounded(t *testing.T) {
	b := newBudgeted(t, budget.Options{Unauthenticated: 2}, func(_ *httpapi.Options, a *auth.Authenticator) { *a = hangs{*a} })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 2 {
		b.wait.Go(func() {
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, jobsPath, nil)
			r.Header.Set("Authorization", "Bearer stranger")
			b.door.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
	require.Eventually(t, func() bool { return b.Usage().Unauthenticated == 2 }, 10*time.Second, time.Millisecond)
	over := b.send(http.MethodPost, bundlePath, "a", neverRead{t}, 100)
	require.Equal(t, http.StatusServiceUnavailable, over.Code)
	require.Regexp(t, "^[12]$", over.Header().Get("Retry-After"))
	cancel()
	b.wait.Wait()
	require.Equal(t, http.StatusAccepted, b.bundle("a").Code)
}

func TestARateOfRequests(t *testing.T) {
	b := newBudgeted(t, budget.Options{Rate: 0.01, Burst: 2}, nil)
	require.Equal(t, http.StatusAccepted, b.bundle("a").Code)
	require.Equal(t, http.StatusAccepted, b.bundle("a").Code)
	r := httptest.NewRequest(http.MethodGet, jobsPath, nil)
	r.Header.Set("Authorization", "Bearer a")
	r.Header.Set("Accept", "application/fhir+json")
	over := httptest.NewRecorder()
	b.door.ServeHTTP(over, r)
	require.Equal(t, http.StatusTooManyRequests, over.Code)
	require.Contains(t, over.Body.String(), `"code":"throttled"`)
	require.Equal(t, `"rate";q=2;w=200`, over.Header().Get("RateLimit-Policy"))
	require.Equal(t, http.StatusAccepted, b.bundle("b").Code)
	r.Header.Set("Authorization", "Bearer nobody")
	unknown := httptest.NewRecorder()
	b.door.ServeHTTP(unknown, r)
	require.Equal(t, http.StatusUnauthorized, unknown.Code, "unauthenticated requests have no rate")
}

// A request that waits for its client holds no turn.
func TestSlowClientsDoNotKeepOthersFromWorking(t *testing.T) {
	b := newBudgeted(t, budget.Options{Working: 1, MaxWait: 5 * time.Second}, nil)
	for range 5 {
		defer b.slow(t, "a", 100)()
	}
	require.Equal(t, http.StatusAccepted, b.bundle("a").Code)

	// One that has sent enough of its body to be processed.
	r, w := io.Pipe()
	defer w.CloseWithError(io.ErrUnexpectedEOF)
	b.wait.Go(func() { b.send(http.MethodPost, bundlePath, "a", r, 4<<20) })
	for range 2 {
		_, err := io.WriteString(w, strings.Repeat(" ", 1<<20))
		require.NoError(t, err)
	}
	require.Equal(t, http.StatusAccepted, b.bundle("a").Code)

	reading, stuck := make(chan struct{}), &stuckWriter{ResponseRecorder: httptest.NewRecorder(), until: make(chan struct{})}
	defer close(stuck.until)
	stuck.reached = func() { close(reading) }
	b.wait.Go(func() {
		r := httptest.NewRequest(http.MethodGet, jobsPath, nil)
		r.Header.Set("Authorization", "Bearer a")
		b.door.ServeHTTP(stuck, r)
	})
	<-reading
	require.Equal(t, http.StatusAccepted, b.bundle("b").Code)
}

// stuckWriter is a client that does not read its response.
type stuckWriter struct {
	*httptest.ResponseRecorder
	reached func()
	until   chan struct{}
	once    sync.Once
}

func (s *stuckWriter) Write(p []byte) (int, error) {
	s.once.Do(s.reached)
	<-s.until
	return s.ResponseRecorder.Write(p)
}

func TestARequestWhoseTurnDoesNotCome(t *testing.T) {
	b := newBudgeted(t, budget.Options{Working: 1, MaxWait: 10 * time.Millisecond}, nil)
	place := must(b.Admit(budget.Request{Organization: "b"}))
	require.NoError(t, place.Enter(t.Context()))
	for _, answer := range []*httptest.ResponseRecorder{
		b.bundle("a"), b.send(http.MethodGet, jobsPath, "a", nil, 0),
		b.send(http.MethodPost, "/v1/ingestion/upload-url", "a", strings.NewReader("{}"), 2),
	} {
		require.Equal(t, http.StatusServiceUnavailable, answer.Code, answer.Body)
		require.Contains(t, answer.Body.String(), "waiting to be worked on")
		require.NotEmpty(t, answer.Header().Get("Retry-After"))
	}
	place.Release()
	require.Equal(t, http.StatusAccepted, b.bundle("a").Code)
}

// A webhook is not charged to an organization until its signature is verified: the name of
// an endpoint is not enough to use up its organization's budget, nor that of callers whose
// token is not verified yet.
func TestAnUnverifiedWebhookIsChargedSeparately(t *testing.T) {
	b := newBudgeted(t, budget.Options{Requests: 2, Unauthenticated: 1, Webhooks: 3}, func(o *httpapi.Options, _ *auth.Authenticator) {
		o.Webhooks = must(auth.NewWebhooks([]auth.WebhookEndpoint{
			{Name: "a", Caller: ingest.Caller{OrganizationID: "a"}, Secrets: []string{oldSecret}},
		}, nil))
	})
	unsigned := func(body io.Reader) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, bundlePath+"?endpoint=a", body)
		r.ContentLength = 100
		r.Header.Set("Webhook-Id", "m1")
		r.Header.Set("Webhook-Timestamp", strconv.FormatInt(time.Now().Unix(), 10))
		r.Header.Set("Webhook-Signature", "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=")
		w := httptest.NewRecorder()
		b.door.ServeHTTP(w, r)
		return w
	}
	for range 2 {
		r, w := io.Pipe()
		defer w.CloseWithError(io.ErrUnexpectedEOF)
		b.wait.Go(func() { unsigned(r) })
	}
	require.Eventually(t, func() bool { return b.Usage().Webhooks == 2 }, 10*time.Second, time.Millisecond)
	require.Zero(t, b.Usage().Requests)
	require.Zero(t, b.Usage().Bytes)
	require.Equal(t, http.StatusAccepted, b.bundle("a").Code)
	r, w := io.Pipe()
	defer w.CloseWithError(io.ErrUnexpectedEOF)
	b.wait.Go(func() { unsigned(r) })
	require.Eventually(t, func() bool { return b.Usage().Webhooks == 3 }, 10*time.Second, time.Millisecond)
	over := unsigned(neverRead{t})
	require.Equal(t, http.StatusServiceUnavailable, over.Code)
	require.NotEmpty(t, over.Header().Get("Retry-After"))
	require.Equal(t, http.StatusAccepted, b.bundle("a").Code)
}
