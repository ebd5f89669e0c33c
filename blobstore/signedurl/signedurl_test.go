package signedurl_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/dirblob"
	"github.com/fhirdock/fhirdock/blobstore/httpbody"
	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var secret = bytes.Repeat([]byte{7}, signedurl.MinSecret)

type service struct {
	bucket  *blob.Bucket
	server  *httptest.Server
	signer  *signedurl.Signer
	now     time.Time
	created []notify.ObjectCreated
	logs    bytes.Buffer
	answer  error // of OnCreated
}

func serve(t *testing.T) *service {
	t.Helper()
	s := &service{bucket: memblob.OpenBucket(nil), now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	t.Cleanup(func() { _ = s.bucket.Close() })
	var handler http.Handler
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(s.server.Close)
	base, err := url.Parse(s.server.URL + "/v1/objects")
	require.NoError(t, err)
	s.signer, err = signedurl.NewSigner(base, secret, &signedurl.SignerOptions{Now: func() time.Time { return s.now }})
	require.NoError(t, err)
	handler = must(signedurl.NewHandler(s.bucket, s.signer, &signedurl.HandlerOptions{
		Body:   httpbody.Limits{Stall: 200 * time.Millisecond},
		Logger: slog.New(slog.NewTextHandler(&s.logs, nil)),
		OnCreated: func(_ context.Context, c notify.ObjectCreated) error {
			s.created = append(s.created, c)
			return s.answer
		},
	}))
	return s
}

func (s *service) sign(t *testing.T, key string, p blobstore.UploadPolicy) *blobstore.SignedUpload {
	t.Helper()
	signed, err := s.signer.SignUpload(t.Context(), key, p)
	require.NoError(t, err)
	return signed
}

func (s *service) do(t *testing.T, method, url, contentType string, body io.Reader) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	require.NoError(t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := s.server.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(raw), resp.Header
}

// putWith uploads one byte with an additional header.
func (s *service) putWith(t *testing.T, url, name string, values ...string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "PUT", url, strings.NewReader("x"))
	require.NoError(t, err)
	req.Header.Set("Content-Type", ndjson)
	req.Header[http.CanonicalHeaderKey(name)] = values
	resp, err := s.server.Client().Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

const ndjson = "application/fhir+ndjson"

func TestUploadNeedsOnlyContentType(t *testing.T) {
	s := serve(t)
	content := "some lines"
	sum := sha256.Sum256([]byte(content))
	signed := s.sign(t, "a/b.ndjson", blobstore.UploadPolicy{
		ContentType: ndjson, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), CreateOnly: true,
		Metadata: map[string]string{"job_id": "j&=1"},
	})
	status, body, header := s.do(t, "PUT", signed.URL, ndjson, strings.NewReader(content))
	require.Equal(t, http.StatusOK, status, body)
	attrs, err := s.bucket.Attributes(t.Context(), "a/b.ndjson")
	require.NoError(t, err)
	require.Equal(t, ndjson, attrs.ContentType)
	require.Equal(t, map[string]string{"job_id": "j&=1"}, attrs.Metadata)
	require.Len(t, s.created, 1)
	require.Equal(t, notify.ObjectCreated{
		Key: "a/b.ndjson", Size: 10, ETag: strings.Trim(attrs.ETag, `"`), Time: s.created[0].Time,
	}, s.created[0])
	require.Equal(t, attrs.ETag, header.Get("ETag"))

	digested := s.sign(t, "digested.ndjson", blobstore.UploadPolicy{ContentType: ndjson, CreateOnly: true})
	digest := sha256.Sum256([]byte("x"))
	require.Equal(t, http.StatusOK, s.putWith(t, digested.URL, "Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(digest[:])+":"))
	empty := s.sign(t, "empty.ndjson", blobstore.UploadPolicy{ContentType: ndjson, CreateOnly: true})
	status, body, _ = s.do(t, "PUT", empty.URL, ndjson, strings.NewReader("")) // with Content-Length: 0
	require.Equal(t, http.StatusOK, status, body)
}

func TestUploadIsRefused(t *testing.T) {
	bound := blobstore.UploadPolicy{ContentType: ndjson, CreateOnly: true}
	with := func(change func(*blobstore.UploadPolicy)) blobstore.UploadPolicy { p := bound; change(&p); return p }
	for name, c := range map[string]struct {
		policy blobstore.UploadPolicy
		send   func(t *testing.T, s *service, url string) int
		status int
	}{
		"expired": {bound, func(t *testing.T, s *service, url string) int {
			s.now = s.now.Add(blobstore.DefaultExpiry + time.Second)
			status, _, _ := s.do(t, "PUT", url, ndjson, strings.NewReader("x"))
			return status
		}, 403},
		"no signature": {bound, func(t *testing.T, s *service, url string) int {
			url, _, _ = strings.Cut(url, "?")
			status, _, _ := s.do(t, "PUT", url, ndjson, strings.NewReader("x"))
			return status
		}, 403},
		"another content type": {bound, func(t *testing.T, s *service, url string) int {
			status, body, _ := s.do(t, "PUT", url, "text/plain", strings.NewReader("x"))
			require.Contains(t, body, ndjson, "the message has the allowed type")
			return status
		}, 403},
		"another method": {bound, func(t *testing.T, s *service, url string) int {
			status, _, _ := s.do(t, "DELETE", url, "", nil)
			return status
		}, 403},
		"an unknown method": {bound, func(t *testing.T, s *service, url string) int {
			status, _, header := s.do(t, "POST", url, ndjson, strings.NewReader("x"))
			require.Equal(t, "GET, HEAD, PUT, DELETE", header.Get("Allow"))
			return status
		}, 405},
		"without length": {bound, func(t *testing.T, s *service, url string) int {
			status, _, _ := s.do(t, "PUT", url, ndjson, io.MultiReader(strings.NewReader("x"))) // chunked
			return status
		}, 411},
		"without a body": {bound, func(t *testing.T, s *service, u string) int {
			to, err := url.Parse(u)
			require.NoError(t, err)
			conn, err := net.Dial("tcp", to.Host)
			require.NoError(t, err)
			defer conn.Close()
			fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n\r\n", to.RequestURI(), to.Host, ndjson)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			resp.Body.Close()
			return resp.StatusCode
		}, 411},
		"a malformed content type": {blobstore.UploadPolicy{}, func(t *testing.T, s *service, url string) int {
			status, _, _ := s.do(t, "PUT", url, "a/b/c", strings.NewReader("x"))
			return status
		}, 400},
		"too large": {with(func(p *blobstore.UploadPolicy) { p.MaxSize = 3 }), func(t *testing.T, s *service, url string) int {
			status, _, _ := s.do(t, "PUT", url, ndjson, strings.NewReader("four"))
			return status
		}, 413},
		"another size": {with(func(p *blobstore.UploadPolicy) { p.Size = 3 }), func(t *testing.T, s *service, url string) int {
			status, _, _ := s.do(t, "PUT", url, ndjson, strings.NewReader("xx"))
			return status
		}, 400},
		"another digest": {with(func(p *blobstore.UploadPolicy) { p.SHA256 = strings.Repeat("0", 64) }), func(t *testing.T, s *service, url string) int {
			status, _, _ := s.do(t, "PUT", url, ndjson, strings.NewReader("x"))
			return status
		}, 400},
		"a part": {bound, func(t *testing.T, s *service, url string) int {
			return s.putWith(t, url, "Content-Range", "bytes 0-0/2")
		}, 400},
		"another Content-Digest": {bound, func(t *testing.T, s *service, url string) int {
			return s.putWith(t, url, "Content-Digest", "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:")
		}, 400},
		"another Content-MD5": {bound, func(t *testing.T, s *service, url string) int {
			return s.putWith(t, url, "Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==")
		}, 400},
		"a malformed digest": {bound, func(t *testing.T, s *service, url string) int {
			return s.putWith(t, url, "Content-Digest", "sha-256=x")
		}, 400},
		"encoded, in a second header": {bound, func(t *testing.T, s *service, url string) int {
			return s.putWith(t, url, "Content-Encoding", "identity", "gzip")
		}, 415},
		"two types": {bound, func(t *testing.T, s *service, url string) int {
			return s.putWith(t, url, "Content-Type", ndjson, "text/html")
		}, 400},
		"encoded": {bound, func(t *testing.T, s *service, url string) int {
			return s.putWith(t, url, "Content-Encoding", "gzip")
		}, 415},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			signed := s.sign(t, "a/b.ndjson", c.policy)
			require.Equal(t, c.status, c.send(t, s, signed.URL))
			_, err := s.bucket.List(nil).Next(t.Context())
			require.Equal(t, io.EOF, err, "a refused upload leaves no object")
			require.Empty(t, s.created)
			require.NotContains(t, s.logs.String(), "signature=")
			require.Regexp(t, fmt.Sprintf(`refused" status=%d code=\w+ reason=".+"`, c.status), s.logs.String(), "the reason is logged")
		})
	}
}

// The lines about an upload name its job and its request, and nothing else of its key.
func TestRefusalsNameTheJob(t *testing.T) {
	const id = "5d2f1f6e-0c1b-4b7e-9a52-3f1f5d2c7a10"
	for key, job := range map[string]string{
		"incoming/fhir/org/2030/01/01/" + id + ".ndjson":         " job=" + id,
		"incoming/fhir/org/2030/01/01/" + id + "-01234567.json":  " job=" + id,
		"incoming/fhir/org/2030/01/01/canary.ndjson":             "",
		"canary/2030/01/01/" + id + "-canary.ndjson":             "",
		"incoming/fhir/canary/2030/01/01/x/" + id + ".x.json":    "",
		"incoming/fhir/canary/2030/01/01/canary/" + id + ".json": "",
	} {
		s := serve(t)
		url := s.sign(t, key, blobstore.UploadPolicy{CreateOnly: true}).URL
		for i, send := range []func() (int, string, http.Header){
			func() (int, string, http.Header) { return s.do(t, "PUT", url+"x", "", strings.NewReader("x")) }, // altered
			func() (int, string, http.Header) { return s.do(t, "GET", url, "", nil) },
			func() (int, string, http.Header) {
				s.now = s.now.Add(2 * time.Hour)
				return s.do(t, "PUT", url, "", strings.NewReader("x"))
			},
		} {
			s.logs.Reset()
			status, _, header := send()
			require.Equal(t, 403, status)
			require.Regexp(t, `refused" status=403 code=\w+ reason=".+" request=`+header.Get("X-Request-Id")+job+"\n$", s.logs.String(), i)
			require.NotEmpty(t, header.Get("X-Request-Id"))
			require.NotContains(t, s.logs.String(), "canary")
		}
	}
}

// A client's id of a request is kept if it is valid.
func TestRequestIDs(t *testing.T) {
	s := serve(t)
	for given, kept := range map[string]bool{"mine-1": true, "not valid": false} {
		req := must(http.NewRequestWithContext(t.Context(), "PUT", s.sign(t, given[:1], blobstore.UploadPolicy{}).URL, strings.NewReader("x")))
		req.Header.Set("X-Request-Id", given)
		resp := must(s.server.Client().Do(req))
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 200, resp.StatusCode)
		require.Regexp(t, `^[\w-]{1,64}$`, resp.Header.Get("X-Request-Id"))
		require.Equal(t, kept, resp.Header.Get("X-Request-Id") == given)
	}
}

// Any alteration of a URL is detected.
func TestAlteredURLs(t *testing.T) {
	s := serve(t)
	signed := s.sign(t, "org/a.ndjson", blobstore.UploadPolicy{ContentType: ndjson, Size: 1, MaxSize: 9, CreateOnly: true, Metadata: map[string]string{"o": "1"}})
	u, err := url.Parse(signed.URL)
	require.NoError(t, err)
	altered := []string{}
	for name := range u.Query() {
		for _, change := range []func(url.Values){
			func(q url.Values) { q.Set(name, q.Get(name)+"0") },
			func(q url.Values) { q.Del(name) },
			func(q url.Values) { q.Add(name, "0") },
		} {
			q := u.Query()
			change(q)
			v := *u
			v.RawQuery = q.Encode()
			altered = append(altered, v.String())
		}
	}
	for _, path := range []string{"/v1/objects/org/b.ndjson", "/v1/objects/org%2Fa.ndjson2", "/v1/objects/", "/org/a.ndjson2"} {
		altered = append(altered, s.server.URL+path+"?"+u.RawQuery)
	}
	altered = append(altered, signed.URL+"&key=org/b.ndjson", signed.URL+"&meta-x=1", signed.URL+"&%zz")
	require.Greater(t, len(altered), 25)
	for _, url := range altered {
		status, _, _ := s.do(t, "PUT", url, ndjson, strings.NewReader("x"))
		require.Equal(t, http.StatusForbidden, status, strings.ReplaceAll(url, u.Query().Get("signature"), "S"))
	}
	status, _, _ := s.do(t, "PUT", signed.URL, ndjson, strings.NewReader("x"))
	require.Equal(t, http.StatusOK, status, "the unaltered URL")
}

func TestCreateOnlyIsRefusedTheSecondTime(t *testing.T) {
	s := serve(t)
	signed := s.sign(t, "k", blobstore.UploadPolicy{ContentType: ndjson, CreateOnly: true})
	status, _, _ := s.do(t, "PUT", signed.URL, ndjson, strings.NewReader("first"))
	require.Equal(t, http.StatusOK, status)
	status, _, _ = s.do(t, "PUT", signed.URL, ndjson, strings.NewReader("second"))
	require.Equal(t, http.StatusPreconditionFailed, status)
	got, err := s.bucket.ReadAll(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, "first", string(got))
	require.Len(t, s.created, 1)
}

// The notification after the write does not depend on the client.
func TestNotificationOutlivesRequest(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	handler := must(signedurl.NewHandler(s.bucket, s.signer, &signedurl.HandlerOptions{OnCreated: func(ctx context.Context, c notify.ObjectCreated) error {
		deadline, bounded := ctx.Deadline()
		require.True(t, bounded, "a notification that hangs must not block the client")
		require.Less(t, time.Until(deadline), time.Minute)
		exists, err := s.bucket.Exists(ctx, c.Key)
		require.NoError(t, err)
		require.True(t, exists, "the object exists before the notification")
		cancel()
		return ctx.Err()
	}, Logger: slog.New(slog.NewTextHandler(&s.logs, nil))}))
	u := s.sign(t, "k", blobstore.UploadPolicy{}).URL
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "PUT", u, strings.NewReader("x")))
	require.Error(t, ctx.Err())
	require.Empty(t, s.logs.String())
}

func TestUnreadBody(t *testing.T) {
	s := serve(t)
	handler := must(signedurl.NewHandler(s.bucket, s.signer, nil))
	put := func(policy blobstore.UploadPolicy, change func(*http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), "PUT", s.sign(t, "k", policy).URL, strings.NewReader("x"))
		change(r)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	w := put(blobstore.UploadPolicy{ContentType: ndjson}, func(*http.Request) {})
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Equal(t, "close", w.Header().Get("Connection"), "the rest of the body must not be taken for another request")
	w = put(blobstore.UploadPolicy{}, func(r *http.Request) { r.ContentLength = 2 })
	require.Equal(t, http.StatusBadRequest, w.Code, "shorter than its Content-Length")
	w = put(blobstore.UploadPolicy{}, func(*http.Request) {})
	require.Equal(t, http.StatusOK, w.Code)
	require.Empty(t, w.Header().Get("Connection"))
}

func TestFailedNotificationIsOnlyLogged(t *testing.T) {
	s := serve(t)
	s.answer = errors.New("job store away")
	status, _, _ := s.do(t, "PUT", s.sign(t, "k", blobstore.UploadPolicy{}).URL, "", strings.NewReader("x"))
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, s.logs.String(), "job store away")
}

func TestFailingBucket(t *testing.T) {
	s := serve(t)
	require.NoError(t, s.bucket.Close())
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		u, err := s.signer.Sign("k", signedurl.SignOptions{Method: method})
		require.NoError(t, err)
		status, _, header := s.do(t, method, u, "", strings.NewReader("x"))
		require.Equal(t, http.StatusServiceUnavailable, status, method)
		require.NotEmpty(t, header.Get("Retry-After"))
	}
	status, _, _ := s.do(t, "PUT", s.sign(t, "k", blobstore.UploadPolicy{CreateOnly: true}).URL, "", strings.NewReader("x"))
	require.Equal(t, http.StatusServiceUnavailable, status, "a closed bucket does not mean that the object exists")
}

func TestAbortedUploadIsNotLoggedAsFailure(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var logs bytes.Buffer
	handler := must(signedurl.NewHandler(s.bucket, s.signer, &signedurl.HandlerOptions{Logger: slog.New(slog.NewTextHandler(&logs, nil))}))
	u := s.sign(t, "k", blobstore.UploadPolicy{}).URL
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "PUT", u, strings.NewReader("x")))
	exists, err := s.bucket.Exists(t.Context(), "k")
	require.NoError(t, err)
	require.False(t, exists)
	require.Empty(t, logs.String())
}

// A missing folder must not be a 404, which would tell a client that its URL is useless.
func TestMissingFolder(t *testing.T) {
	s := serve(t)
	dir := filepath.Join(t.TempDir(), "data")
	bucket, err := dirblob.OpenBucket(dir, &dirblob.Options{CreateDir: true})
	require.NoError(t, err)
	defer bucket.Close()
	require.NoError(t, os.RemoveAll(dir))
	handler := must(signedurl.NewHandler(bucket, s.signer, &signedurl.HandlerOptions{Logger: slog.New(slog.DiscardHandler)}))
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		u, err := s.signer.Sign("a/k", signedurl.SignOptions{Method: method})
		require.NoError(t, err)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(method, u, strings.NewReader("x")))
		require.Equal(t, http.StatusServiceUnavailable, w.Code, method)
	}
}

func TestGetAndDelete(t *testing.T) {
	s := serve(t)
	for _, key := range []string{"a/b.ndjson", "a b/../☺?&.x"} {
		require.NoError(t, s.bucket.WriteAll(t.Context(), key, []byte("0123456789"), &blob.WriterOptions{ContentType: ndjson}))
		get, err := s.signer.Sign(key, signedurl.SignOptions{})
		require.NoError(t, err)
		status, body, header := s.do(t, "GET", get, "", nil)
		require.Equal(t, 200, status)
		require.Equal(t, "0123456789", body)
		require.Equal(t, ndjson, header.Get("Content-Type"))
		status, body, _ = s.do(t, "HEAD", get, "", nil)
		require.Equal(t, 200, status)
		require.Empty(t, body)

		req, err := http.NewRequestWithContext(t.Context(), "GET", get, nil)
		require.NoError(t, err)
		req.Header.Set("Range", "bytes=3-5")
		resp, err := s.server.Client().Do(req)
		require.NoError(t, err)
		part, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusPartialContent, resp.StatusCode)
		require.Equal(t, "345", string(part))

		del, err := s.signer.Sign(key, signedurl.SignOptions{Method: "DELETE"})
		require.NoError(t, err)
		status, _, _ = s.do(t, "DELETE", del, "", nil)
		require.Equal(t, http.StatusNoContent, status)
		status, _, _ = s.do(t, "GET", get, "", nil)
		require.Equal(t, http.StatusNotFound, status)
	}
}

// Headers and content are of the same object, while it is being replaced.
func TestGetDuringReplacement(t *testing.T) {
	bucket, err := dirblob.OpenBucket(t.TempDir(), nil)
	require.NoError(t, err)
	defer bucket.Close()
	s := serve(t)
	handler := must(signedurl.NewHandler(bucket, s.signer, nil))
	get, err := s.signer.Sign("k", signedurl.SignOptions{})
	require.NoError(t, err)
	write := func(i int) error {
		content := fmt.Sprintf("%06d", i)
		return bucket.WriteAll(t.Context(), "k", []byte(content), &blob.WriterOptions{ContentType: "text/" + content, ContentEncoding: "x-" + content})
	}
	require.NoError(t, write(0))
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; ctx.Err() == nil; i++ {
			_ = write(i)
		}
	})
	contents := map[string]string{}
	for range 3000 {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", get, nil))
		if w.Code != http.StatusOK {
			t.Errorf("status %d", w.Code)
			break
		}
		content := w.Body.String()
		if w.Header().Get("Content-Type") != "text/"+content {
			t.Errorf("%s as %s", content, w.Header().Get("Content-Type"))
		}
		etag := w.Header().Get("ETag")
		if old, ok := contents[etag]; ok && etag != "" && old != content {
			t.Errorf("an ETag with two contents")
		}
		contents[etag] = content
	}
	stop()
	wg.Wait()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", get, nil))
	require.NotEmpty(t, w.Header().Get("ETag"))
	require.Equal(t, "x-"+w.Body.String(), w.Header().Get("Content-Encoding"))
}

// A body that ends early or stalls leaves no object.
func TestBodyThatNeverEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(net.Conn)
		status int
		code   string
	}{
		"stops":  {func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() }, 400, "IncompleteBody"},
		"stalls": {func(net.Conn) {}, 408, "RequestTimeout"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			u, err := url.Parse(s.sign(t, "k", blobstore.UploadPolicy{}).URL)
			require.NoError(t, err)
			conn, err := net.Dial("tcp", u.Host)
			require.NoError(t, err)
			defer conn.Close()
			fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 100\r\n\r\nhalf", u.RequestURI(), u.Host)
			c.end(conn)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			require.Equal(t, c.status, resp.StatusCode)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Contains(t, string(body), c.code)
			_, err = s.bucket.List(nil).Next(t.Context())
			require.Equal(t, io.EOF, err)
		})
	}
}

func TestOldSecrets(t *testing.T) {
	s := serve(t)
	base, err := url.Parse(s.server.URL + "/v1/objects")
	require.NoError(t, err)
	rotated, err := signedurl.NewSigner(base, bytes.Repeat([]byte{8}, 32), &signedurl.SignerOptions{
		OldSecrets: [][]byte{secret}, Now: func() time.Time { return s.now },
	})
	require.NoError(t, err)
	handler := must(signedurl.NewHandler(s.bucket, rotated, nil))
	for want, signer := range map[int]*signedurl.Signer{404: s.signer} {
		u, err := signer.Sign("none", signedurl.SignOptions{})
		require.NoError(t, err)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", u, nil))
		require.Equal(t, want, w.Code, "an old secret verifies")
	}
	u, err := rotated.Sign("none", signedurl.SignOptions{})
	require.NoError(t, err)
	status, _, _ := s.do(t, "GET", u, "", nil)
	require.Equal(t, 403, status, "a signer without the new secret refuses it")
}

func TestBasesInAnyForm(t *testing.T) {
	for _, path := range []string{"", "/", "o", "/o", "o/", "/o/p/"} {
		signer, err := signedurl.NewSigner(&url.URL{Scheme: "http", Host: "h", Path: path}, secret, nil)
		require.NoError(t, err)
		u, err := signer.Sign("a/b", signedurl.SignOptions{})
		require.NoError(t, err)
		w := httptest.NewRecorder()
		must(signedurl.NewHandler(memblob.OpenBucket(nil), signer, nil)).ServeHTTP(w, httptest.NewRequest("GET", u, nil))
		require.Equal(t, http.StatusNotFound, w.Code, "the signature is valid: %s", path)
	}
}

func TestNewSignerErrors(t *testing.T) {
	base := &url.URL{Scheme: "http", Host: "h"}
	_, err := signedurl.NewSigner(base, make([]byte, 31), nil)
	require.Error(t, err)
	_, err = signedurl.NewSigner(base, secret, &signedurl.SignerOptions{OldSecrets: [][]byte{nil}})
	require.Error(t, err)
	for _, bad := range []string{"https://h/x?a=b", "https://h/x?", "https://h/x#a", "https://user@h/x", "ftp://h/x"} {
		_, err = signedurl.NewSigner(must(url.Parse(bad)), secret, nil)
		require.ErrorContains(t, err, "the base must", bad)
	}
	for name, c := range map[string]struct {
		bucket *blob.Bucket
		signer *signedurl.Signer
		opts   *signedurl.HandlerOptions
	}{
		"bucket": {nil, &signedurl.Signer{}, nil},
		"Signer": {memblob.OpenBucket(nil), nil, nil},
		"Body":   {memblob.OpenBucket(nil), &signedurl.Signer{}, &signedurl.HandlerOptions{Body: httpbody.Limits{Stall: -1}}},
	} {
		_, err = signedurl.NewHandler(c.bucket, c.signer, c.opts)
		require.ErrorContains(t, err, name)
	}
	_, err = signedurl.NewSigner(&url.URL{Path: "/x"}, secret, nil)
	require.Error(t, err)
}

func TestLoadOrCreateSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	got := make([][]byte, 16)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i], _ = signedurl.LoadOrCreateSecret(path) })
	}
	wg.Wait()
	for _, secret := range got {
		require.Equal(t, got[0], secret, "concurrent processes get the same secret")
	}
	require.Len(t, got[0], signedurl.MinSecret)
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.NoError(t, os.WriteFile(path, []byte("short"), 0o600))
	_, err = signedurl.LoadOrCreateSecret(path)
	require.Error(t, err)
	_, err = signedurl.LoadOrCreateSecret(filepath.Join(path, "none"))
	require.Error(t, err)
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte{7}, signedurl.MinSecret), 0o600))
	_, err = signedurl.LoadOrCreateSecret(path)
	require.ErrorContains(t, err, "all bytes of the secret")

	if runtime.GOOS == "windows" {
		return // no Unix permissions
	}
	require.NoError(t, os.WriteFile(path, got[0], 0o600))
	for mode, private := range map[fs.FileMode]bool{0o400: true, 0o600: true, 0o640: true, 0o644: false, 0o604: false, 0o660: false, 0o602: false} {
		require.NoError(t, os.Chmod(path, mode))
		_, err = signedurl.LoadOrCreateSecret(path)
		if private {
			require.NoError(t, err, mode)
		} else {
			require.ErrorContains(t, err, "run chmod 600 on it", mode)
		}
	}
}

func FuzzHandler(f *testing.F) {
	bucket := memblob.OpenBucket(nil)
	signer, err := signedurl.NewSigner(&url.URL{Scheme: "http", Host: "h", Path: "/o"}, secret, nil)
	if err != nil {
		f.Fatal(err)
	}
	handler := must(signedurl.NewHandler(bucket, signer, &signedurl.HandlerOptions{Logger: slog.New(slog.DiscardHandler)}))
	good, err := signer.Sign("k", signedurl.SignOptions{Method: "PUT"})
	if err != nil {
		f.Fatal(err)
	}
	u, err := url.Parse(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("PUT", u.Path, u.RawQuery+"0")
	f.Add("GET", "/o/../k", "signature=00&key=%00")
	f.Fuzz(func(t *testing.T, method, path, query string) {
		r := &http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{}, Body: http.NoBody}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code < 300 && query != u.RawQuery {
			t.Fatalf("status %d for an unsigned URL", w.Code)
		}
	})
}

func ExampleNewHandler() {
	bucket := memblob.OpenBucket(nil)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()

	base, _ := url.Parse(server.URL + "/v1/objects")
	signer, err := signedurl.NewSigner(base, bytes.Repeat([]byte("s"), signedurl.MinSecret), nil)
	if err != nil {
		panic(err)
	}
	uploads, err := signedurl.NewHandler(bucket, signer, nil)
	if err != nil {
		panic(err)
	}
	mux.Handle("/v1/objects/", uploads)

	signed, err := signer.SignUpload(context.Background(), "uploads/a.ndjson", blobstore.UploadPolicy{ContentType: "application/fhir+ndjson", CreateOnly: true})
	if err != nil {
		panic(err)
	}
	for range 2 {
		req, _ := http.NewRequest(signed.Method, signed.URL, strings.NewReader("{}\n"))
		req.Header.Set("Content-Type", "application/fhir+ndjson")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			panic(err)
		}
		resp.Body.Close()
		fmt.Println(resp.Status)
	}
	// Output:
	// 200 OK
	// 412 Precondition Failed
}
