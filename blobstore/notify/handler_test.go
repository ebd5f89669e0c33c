package notify_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore/notify"
)

const secret = "0123456789abcdef-shared"

// endpoint is a server with a handler, and what it received.
type endpoint struct {
	url     string
	mu      sync.Mutex
	created []notify.ObjectCreated
	ignored map[notify.Reason]int
	logs    bytes.Buffer
	answer  func(notify.ObjectCreated) error
}

func serve(t testing.TB, opts notify.HandlerOptions) *endpoint {
	t.Helper()
	e := &endpoint{ignored: map[notify.Reason]int{}}
	if opts.Secrets == nil && opts.Authenticate == nil {
		opts.Secrets = []string{"an older secret, that is still in use", secret}
	}
	opts.OnIgnored = func(reason notify.Reason, n int) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.ignored[reason] += n
	}
	opts.Logger = slog.New(slog.NewTextHandler(&e.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h, err := notify.NewHandler(func(_ context.Context, c notify.ObjectCreated) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.created = append(e.created, c)
		if e.answer != nil {
			return e.answer(c)
		}
		return nil
	}, &opts)
	require.NoError(t, err)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

// send makes a request; headers are alternating names and values.
func (e *endpoint) send(t testing.TB, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, e.url+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(answer)
}

// post sends a notification with the secret.
func (e *endpoint) post(t testing.TB, body string) (*http.Response, string) {
	t.Helper()
	return e.send(t, http.MethodPost, "/", body, "Authorization", "Bearer "+secret)
}

func TestHandlerTakesAllFormats(t *testing.T) {
	for _, a := range arrangements(t) {
		if a.attributes != nil {
			continue // over HTTP they are in Pub/Sub's wrapper
		}
		t.Run(a.name, func(t *testing.T) {
			e := serve(t, notify.HandlerOptions{})
			resp, _ := e.post(t, string(a.body))
			require.Equal(t, http.StatusNoContent, resp.StatusCode)
			require.Equal(t, []notify.ObjectCreated{a.want}, e.created)
			require.Empty(t, e.ignored)
		})
	}
}

// If created fails, all other objects are still tried, and the answer makes the sender retry.
func TestHandlerFailure(t *testing.T) {
	e := serve(t, notify.HandlerOptions{})
	three := string(message(record("2.1", "ObjectCreated:Put", "b", "1", ""), record("2.1", "ObjectCreated:Put", "b", "2", ""), record("2.1", "ObjectCreated:Put", "b", "3", "")))
	e.answer = func(c notify.ObjectCreated) error {
		if c.Key == "1" {
			return errors.New("store is away")
		}
		return nil
	}
	resp, _ := e.post(t, three)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.NotEmpty(t, resp.Header.Get("Retry-After"))
	require.Len(t, e.created, 3)
	e.answer = nil
	resp, _ = e.post(t, three)
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	require.Len(t, e.created, 6)
}

// Objects that are not done in time count as failed.
func TestHandlerTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		h, err := notify.NewHandler(func(ctx context.Context, _ notify.ObjectCreated) error {
			calls.Add(1)
			<-ctx.Done()
			return nil // ignores its context
		}, &notify.HandlerOptions{Secrets: []string{secret}, Logger: slog.New(slog.DiscardHandler), Concurrency: 3})
		require.NoError(t, err)
		var records []string
		for i := range 5 {
			records = append(records, record("2.1", "ObjectCreated:Put", "b", fmt.Sprint(i), ""))
		}
		req := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(message(records...)))
		req.Header.Set("Authorization", secret)
		w, began := httptest.NewRecorder(), time.Now()
		h.ServeHTTP(w, req)
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.EqualValues(t, 3, calls.Load())
		require.Equal(t, 25*time.Second, time.Since(began))
	})
}

// The largest notification is handled with bounded concurrency; a larger one gets an answer,
// not a reset.
func TestHandlerTakesManyRecords(t *testing.T) {
	short := `{"eventVersion":"2.1","eventName":"ObjectCreated:","s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}`
	most := `{"Records":[` + strings.Repeat(short+",", notify.MaxRecords-1) + short + `]}`
	require.Less(t, len(most), notify.MaxBody)
	var running, peak, calls atomic.Int64
	var mu sync.Mutex
	ignored := map[notify.Reason]int{}
	h, err := notify.NewHandler(func(ctx context.Context, _ notify.ObjectCreated) error {
		calls.Add(1)
		now := running.Add(1)
		defer running.Add(-1)
		for was := peak.Load(); now > was && !peak.CompareAndSwap(was, now); was = peak.Load() {
		}
		return nil
	}, &notify.HandlerOptions{
		Secrets: []string{secret}, Logger: slog.New(slog.DiscardHandler), Concurrency: 4,
		OnIgnored: func(reason notify.Reason, n int) { mu.Lock(); defer mu.Unlock(); ignored[reason] += n },
	})
	require.NoError(t, err)
	server := httptest.NewServer(h)
	defer server.Close()
	long := strings.Replace(short, `"k"`, `"`+strings.Repeat("k", 500)+`"`, 1)
	for body, want := range map[string]int{
		most: http.StatusNoContent,
		strings.Replace(most, "[", "["+short+",", 1):                        http.StatusRequestEntityTooLarge, // one record more
		`{"Records":[` + strings.Repeat(long+",", 10_000) + short + `]}`:    http.StatusRequestEntityTooLarge, // with real records
		`{"Records":[` + strings.Repeat(long+",", 60_000) + short + `]}`:    http.StatusRequestEntityTooLarge, // 36 MB
		`[` + strings.Repeat(`{"specversion":"1.0"},`, 10_000) + "{}" + `]`: http.StatusRequestEntityTooLarge,
	} {
		calls.Store(0)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", secret)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err, "%d bytes", len(body))
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.StatusCode, "%d bytes", len(body))
		if want == http.StatusNoContent {
			require.EqualValues(t, notify.MaxRecords, calls.Load())
		} else {
			require.Zero(t, calls.Load())
		}
	}
	require.LessOrEqual(t, peak.Load(), int64(4))
	require.Equal(t, map[notify.Reason]int{notify.TooLarge: 4}, ignored)
}

// A stalled body times out; after one that was read in time, created has the whole timeout.
func TestHandlerTimeouts(t *testing.T) {
	const timeout = time.Second
	ended := make(chan error, 1)
	h, err := notify.NewHandler(func(ctx context.Context, _ notify.ObjectCreated) error {
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}, &notify.HandlerOptions{Secrets: []string{secret}, Timeout: timeout, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	server := httptest.NewServer(h)
	defer server.Close()
	for body, want := range map[string]string{
		"{": "HTTP/1.1 408 Request Timeout",
		string(message(record("2.1", "ObjectCreated:Put", "b", "k", ""))): "HTTP/1.1 503 Service Unavailable",
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n", secret, max(len(body), 100))
		require.NoError(t, err)
		time.Sleep(timeout / 4) // the body's timeout ends before created's
		_, err = io.WriteString(conn, body)
		require.NoError(t, err)
		line, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want, strings.TrimSpace(line))
	}
	require.ErrorIs(t, <-ended, context.DeadlineExceeded, "created's timeout ended")
}

// Messages that are not notifications are counted and acknowledged, but not logged.
func TestHandlerAcknowledgesJunk(t *testing.T) {
	for name, body := range map[string]string{
		"nothing": "", "a word": "top-secret-payload", "an object": `{"top-secret-payload":1}`,
		"too long": string(message(record("2.1", "ObjectCreated:Put", "top-secret-payload", "k", ""))) + strings.Repeat(" ", notify.MaxBody),
	} {
		t.Run(name, func(t *testing.T) {
			e := serve(t, notify.HandlerOptions{})
			resp, answer := e.post(t, body)
			status, reason := http.StatusNoContent, notify.Junk
			if name == "too long" {
				status, reason = http.StatusRequestEntityTooLarge, notify.TooLarge
			}
			require.Equal(t, status, resp.StatusCode)
			require.Empty(t, answer)
			require.Empty(t, e.created)
			require.Equal(t, map[notify.Reason]int{reason: 1}, e.ignored)
			require.NotContains(t, e.logs.String(), "top-secret-payload")
			require.Contains(t, e.logs.String(), "message dropped")
		})
	}
	e := serve(t, notify.HandlerOptions{})
	resp, _ := e.post(t, string(message(record("2.1", "ObjectRemoved:Delete", "b", "k", ""), record("2.1", "ObjectCreated:Put", "b", "k", ""), `7`)))
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	require.Len(t, e.created, 1)
	require.Equal(t, map[notify.Reason]int{notify.OtherEvent: 1, notify.BadRecord: 1}, e.ignored)
}

// Many concurrent senders, some of them unknown.
func TestHandlerIsSafeForConcurrentUse(t *testing.T) {
	e := serve(t, notify.HandlerOptions{})
	body := string(message(record("2.1", "ObjectCreated:Put", "b", "k", "")))
	var senders sync.WaitGroup
	for i := range 20 {
		senders.Go(func() {
			if i%2 == 0 {
				e.post(t, body)
			} else {
				e.send(t, http.MethodPost, "/", body)
			}
		})
	}
	senders.Wait()
	require.Len(t, e.created, 10)
}

func FuzzHandler(f *testing.F) {
	for _, a := range arrangements(f) {
		f.Add(a.body, "")
	}
	f.Add(fixture(f, "eventgrid_validation.json"), "")
	f.Add(fixture(f, "sns_confirmation.json"), "code="+secret)
	f.Fuzz(func(t *testing.T, body []byte, query string) {
		h, err := notify.NewHandler(func(_ context.Context, c notify.ObjectCreated) error {
			if c.Key == "" {
				t.Fatal("an object without a name")
			}
			return nil
		}, &notify.HandlerOptions{Secrets: []string{secret}, Query: "code", Logger: slog.New(slog.DiscardHandler),
			OnSubscription: func(_ context.Context, r notify.SubscriptionRequest) error {
				if !strings.HasPrefix(r.SubscribeURL, "https://sns.") {
					t.Fatal("a URL that is not one of SNS")
				}
				return nil
			}})
		require.NoError(t, err)
		req := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		req.URL.RawQuery = query
		if query == "" {
			req.Header.Set("Authorization", "Bearer "+secret)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		switch w.Code {
		case http.StatusOK:
			if !json.Valid(w.Body.Bytes()) {
				t.Fatal("an answer that is not JSON")
			}
		case http.StatusNoContent, http.StatusUnauthorized, http.StatusRequestEntityTooLarge:
		default:
			t.Fatal("unexpected answer:", w.Code)
		}
	})
}

func ExampleNewHandler() {
	h, err := notify.NewHandler(func(_ context.Context, c notify.ObjectCreated) error {
		fmt.Println("look at", c.Key)
		return nil
	}, &notify.HandlerOptions{
		Secrets: []string{"b7c1f0e2a9d84c6f"}, // MinIO's auth_token
		Query:   "code",                       // and Event Grid's https://…/?code=…
	})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	resp, err := http.Post(server.URL+"/?code=b7c1f0e2a9d84c6f", "application/json", strings.NewReader(
		`[{"eventType":"Microsoft.Storage.BlobCreated","subject":"/blobServices/default/containers/uploads/blobs/incoming/a.ndjson",
		"data":{"api":"PutBlob"},"metadataVersion":"1"}]`))
	if err != nil {
		panic(err)
	}
	resp.Body.Close()
	fmt.Println(resp.StatusCode)
	// Output:
	// look at incoming/a.ndjson
	// 204
}
