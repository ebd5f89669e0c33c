package signedurl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/internal/loglimit"
)

// counted is a body that blocks after its first byte.
type counted struct {
	read  *atomic.Int64
	first chan<- struct{}
	rest  <-chan struct{}
	sent  int
}

func (c *counted) Read(p []byte) (int, error) {
	if c.sent == 1 {
		c.first <- struct{}{}
		<-c.rest
	}
	if c.sent == 2 {
		return 0, io.EOF
	}
	c.sent++
	c.read.Add(1)
	return copy(p, "x"), nil
}

type puts struct {
	handler http.Handler
	signer  *signedurl.Signer
	read    atomic.Int64 // bytes of bodies
	first   chan struct{}
	rest    chan struct{}
}

func newPuts(t *testing.T, admit func(string, int64) (signedurl.Place, error)) *puts {
	t.Helper()
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { _ = bucket.Close() })
	signer, err := signedurl.NewSigner(&url.URL{Scheme: "http", Host: "x"}, secret, nil)
	require.NoError(t, err)
	return &puts{
		handler: must(signedurl.NewHandler(bucket, signer, &signedurl.HandlerOptions{Admit: admit, Logger: slog.New(slog.DiscardHandler)})),
		signer:  signer, first: make(chan struct{}), rest: make(chan struct{}),
	}
}

// put uploads two bytes, and waits between them if wait is set.
func (p *puts) put(t *testing.T, key string, createOnly, wait bool) *httptest.ResponseRecorder {
	t.Helper()
	signed, err := p.signer.SignUpload(context.Background(), key, blobstore.UploadPolicy{CreateOnly: createOnly})
	require.NoError(t, err)
	body := io.Reader(strings.NewReader("xx"))
	if wait {
		body = &counted{read: &p.read, first: p.first, rest: p.rest}
	}
	r := httptest.NewRequest("PUT", signed.URL, body)
	r.ContentLength = 2
	r.Header.Set("Content-Length", "2")
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w
}

func code(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var answer struct{ Code string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer.Code
}

// During a create-only upload, others to its key are refused before their body is read. If
// it fails, another one may succeed.
func TestOneUploadAtATimeForEachKey(t *testing.T) {
	p := newPuts(t, nil)
	under := make(chan *httptest.ResponseRecorder)
	go func() { under <- p.put(t, "k", true, true) }()
	<-p.first
	require.EqualValues(t, 1, p.read.Load())
	for range 7 {
		w := p.put(t, "k", true, true)
		require.Equal(t, http.StatusConflict, w.Code)
		require.Equal(t, "ConditionalRequestConflict", code(t, w))
		require.NotEmpty(t, w.Header().Get("Retry-After"))
	}
	require.EqualValues(t, 1, p.read.Load(), "the other bodies are not read")
	require.Equal(t, 200, p.put(t, "another", true, false).Code)
	close(p.rest)
	require.Equal(t, 200, (<-under).Code)
	require.Equal(t, http.StatusPreconditionFailed, p.put(t, "k", true, false).Code)

	for range 2 { // a failed upload releases its place
		require.Equal(t, http.StatusBadRequest, p.short(t).Code)
	}
	require.Equal(t, 200, p.put(t, "short", true, false).Code)
}

// short makes an upload whose body ends early.
func (p *puts) short(t *testing.T) *httptest.ResponseRecorder {
	t.Helper()
	signed, err := p.signer.SignUpload(t.Context(), "short", blobstore.UploadPolicy{CreateOnly: true})
	require.NoError(t, err)
	r := httptest.NewRequest("PUT", signed.URL, strings.NewReader("x"))
	r.ContentLength = 2
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w
}

// A URL that is not create-only allows concurrent uploads, like object stores.
func TestUploadsThatReplaceMayOverlap(t *testing.T) {
	p := newPuts(t, nil)
	under := make(chan *httptest.ResponseRecorder)
	go func() { under <- p.put(t, "k", false, true) }()
	<-p.first
	require.Equal(t, 200, p.put(t, "k", false, false).Code)
	close(p.rest)
	require.Equal(t, 200, (<-under).Code)
}

// Uploads above the limit are refused before their body is read.
func TestUploadsAreLimited(t *testing.T) {
	const places = 128
	p := newPuts(t, nil)
	under := make(chan *httptest.ResponseRecorder)
	for i := range places {
		go func() { under <- p.put(t, fmt.Sprint(i), true, true) }()
		<-p.first
	}
	w := p.put(t, "one more", true, true)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "SlowDown", code(t, w))
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	require.EqualValues(t, places, p.read.Load())
	close(p.rest)
	for range places {
		require.Equal(t, 200, (<-under).Code)
	}
	require.Equal(t, 200, p.put(t, "one more", true, false).Code)
}

// ledger admits uploads and records their calls.
type ledger struct {
	said    []string
	written int
	refuse  map[string]error // by call
}

func (l *ledger) note(what string) error {
	l.said = append(l.said, what)
	return l.refuse[what]
}

func (l *ledger) admit(key string, bytes int64) (signedurl.Place, error) {
	return l, l.note(fmt.Sprint("admit ", key, " ", bytes))
}
func (l *ledger) Enter(context.Context) error { return l.note("enter") }
func (l *ledger) Leave()                      { _ = l.note("leave") }
func (l *ledger) Release()                    { _ = l.note("release") }
func (l *ledger) Write(p []byte) (int, error) {
	l.written += len(p)
	return len(p), nil
}

func (p *puts) send(t *testing.T, body io.Reader, length int64) *httptest.ResponseRecorder {
	t.Helper()
	signed, err := p.signer.SignUpload(t.Context(), "a/b", blobstore.UploadPolicy{CreateOnly: true})
	require.NoError(t, err)
	r := httptest.NewRequest("PUT", signed.URL, body)
	r.ContentLength = length
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w
}

// An upload has a turn for each 8 MiB of its body and to be stored, but none while it waits
// for the client.
func TestUploadsAreWorkedOnInTurns(t *testing.T) {
	l := &ledger{}
	p := newPuts(t, l.admit)
	const size = 20 << 20
	require.Equal(t, 200, p.send(t, strings.NewReader(strings.Repeat("x", size)), size).Code)
	require.Equal(t, "admit a/b 20971520, leave, enter, leave, enter, leave, enter, release", strings.Join(slices.Compact(l.said), ", "))
	require.Equal(t, size, l.written)
}

// tired is a Refusal.
type tired int

func (tired) Error() string { return "tired" }
func (s tired) Status() int { return int(s) }
func (tired) Header() map[string]string {
	return map[string]string{"Retry-After": "7", "RateLimit": `"puts";r=0;t=7`}
}

func TestRefusedUploads(t *testing.T) {
	for at, answer := range map[string]struct {
		err    error
		status int
		after  string
	}{
		"admit a/b 2":  {tired(429), 429, "7"},
		"enter":        {fmt.Errorf("later: %w", tired(503)), 503, "7"},
		"admit a/b 2 ": {errors.New("no place"), 503, "1"},
	} {
		t.Run(at, func(t *testing.T) {
			l := &ledger{refuse: map[string]error{strings.TrimSpace(at): answer.err}}
			p := newPuts(t, l.admit)
			w := p.send(t, strings.NewReader("xx"), 2)
			require.Equal(t, answer.status, w.Code, l.said)
			require.Equal(t, "SlowDown", code(t, w))
			require.Equal(t, answer.after, w.Header().Get("Retry-After"))
			require.Equal(t, answer.after == "7", w.Header().Get("RateLimit") != "")
			require.Equal(t, l.said[0] != strings.TrimSpace(at), l.said[len(l.said)-1] == "release", "a place is always released")
			l.refuse = nil
			require.Equal(t, 200, p.send(t, strings.NewReader("x"), 1).Code, "nothing was stored, and the key is free")
		})
	}
}

// Neither unsigned requests nor refused uploads flood the log.
func TestTheLogIsNotFlooded(t *testing.T) {
	full := func(string, int64) (signedurl.Place, error) { return nil, tired(503) }
	p := newPuts(t, nil)
	var logs bytes.Buffer
	p.handler = must(signedurl.NewHandler(memblob.OpenBucket(nil), p.signer, &signedurl.HandlerOptions{Admit: full, Logger: slog.New(slog.NewTextHandler(&logs, nil))}))
	for range 50 {
		w := httptest.NewRecorder()
		p.handler.ServeHTTP(w, httptest.NewRequest("PUT", "/unsigned", nil))
		require.Equal(t, http.StatusForbidden, w.Code)
	}
	require.Equal(t, loglimit.PerMinute, strings.Count(logs.String(), "\n"))
	logs.Reset()
	for range 50 {
		require.Equal(t, http.StatusServiceUnavailable, p.put(t, "other", true, false).Code)
	}
	require.Equal(t, loglimit.PerMinute, strings.Count(logs.String(), "level=WARN"))
}
