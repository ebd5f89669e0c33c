package httpapi_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/internal/loglimit"
	"github.com/fhirdock/fhirdock/jobs"
)

// program is an HTTP API, a folder's signed uploads and a route that panics, inside an
// access log.
type program struct {
	handler http.Handler
	logs    bytes.Buffer
	seen    []httpapi.Access
	signer  *signedurl.Signer
}

func newProgram(t *testing.T) *program {
	p := &program{}
	log := slog.New(slog.NewTextHandler(&p.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	service := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true}).Service
	health := must(httpapi.NewHealth(service, &httpapi.HealthOptions{Logger: log}))
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { _ = bucket.Close() })
	p.signer = must(signedurl.NewSigner(must(url.Parse("http://example.com/v1/objects")), bytes.Repeat([]byte{1}, 32), nil))
	mux := http.NewServeMux()
	mux.Handle("/v1/objects/", must(signedurl.NewHandler(bucket, p.signer, &signedurl.HandlerOptions{Logger: slog.New(slog.DiscardHandler)})))
	mux.Handle("/healthz", health.Live())
	mux.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
	})
	mux.HandleFunc("/panics", func(http.ResponseWriter, *http.Request) { panic("payload of s3cret") })
	mux.HandleFunc("/late", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")); panic("payload of s3cret") })
	mux.HandleFunc("/gone", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.Handle("/", must(httpapi.New(service, must(auth.ParseTokens("t0ken=org")), &httpapi.Options{Logger: log})))
	p.handler = httpapi.AccessLog(mux, &httpapi.AccessLogOptions{
		Logger: log, Observe: func(a httpapi.Access) { p.seen = append(p.seen, a) },
		Route: func(path string) string {
			if strings.HasPrefix(path, "/v1/objects/") {
				return "/v1/objects/{key}"
			}
			return ""
		},
	})
	return p
}

// send returns the response, the logged lines and the observed access.
func (p *program) send(t *testing.T, method, target, body string) (int, string, httpapi.Access) {
	t.Helper()
	p.logs.Reset()
	p.seen = nil
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer t0ken")
	r.Header.Set("Content-Type", "application/fhir+ndjson")
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	require.Len(t, p.seen, 1)
	require.NotContains(t, p.logs.String(), "t0ken")
	require.NotContains(t, p.logs.String(), "s3cret")
	return w.Code, p.logs.String(), p.seen[0]
}

func TestAccessLogHasSignedUploads(t *testing.T) {
	p := newProgram(t)
	const key, body = "incoming/fhir/org/2030/01/01/s3cret.ndjson", `{"resourceType":"Patient","id":"s3cret"}`
	signed, err := p.signer.SignUpload(t.Context(), key, blobstore.UploadPolicy{ContentType: "application/fhir+ndjson"})
	require.NoError(t, err)
	status, lines, seen := p.send(t, http.MethodPut, signed.URL, body)
	require.Equal(t, 200, status)
	require.Regexp(t, `^time=\S+ level=INFO msg=request method=PUT route=/v1/objects/\{key\} status=200 bytes=\d+ took=\S+ request=[\w-]{36}\n$`, lines)
	require.NotContains(t, lines, "sig")
	require.Equal(t, "/v1/objects/{key}", seen.Route)
	require.Equal(t, "PUT", seen.Method)
	require.Equal(t, 200, seen.Status)
	require.Positive(t, seen.Duration)

	// A modified URL is refused, and many of them don't fill the log.
	all := 0
	for range 2 * loglimit.PerMinute {
		status, lines, _ = p.send(t, http.MethodPut, signed.URL+"x", body)
		require.Equal(t, 403, status)
		all += strings.Count(lines, "level=INFO")
	}
	require.Equal(t, loglimit.PerMinute, all)
}

// The path of a job's upload names the job.
func TestAccessLogNamesTheJobOfAnUpload(t *testing.T) {
	p := newProgram(t)
	id := jobs.NewID()
	own, err := p.signer.SignUpload(t.Context(), "incoming/fhir/s3cret/2030/01/01/"+id+".ndjson", blobstore.UploadPolicy{})
	require.NoError(t, err)
	for suffix, want := range map[string]int{"": 200, "x": 403} {
		status, lines, _ := p.send(t, http.MethodPut, own.URL+suffix, "x")
		require.Equal(t, want, status)
		require.Regexp(t, `request=[\w-]{36} job=`+id+`\n$`, lines)
	}
	_, lines, _ := p.send(t, http.MethodPut, "/fhir/Patient/"+id, "x")
	require.NotContains(t, lines, id, "the id of a resource may be a UUID, too")
}

func TestAccessLogOfOtherRoutes(t *testing.T) {
	p := newProgram(t)
	status, lines, seen := p.send(t, "GET", "/healthz?token=s3cret", "")
	require.Equal(t, 200, status)
	require.Regexp(t, `^\S+ level=DEBUG msg=request method=GET route=/healthz `, lines)
	require.Equal(t, "/healthz", seen.Route)

	// The API logs its own requests.
	for path, route := range map[string]string{
		"/v1/ingestion/jobs?limit=1": "/v1/ingestion/jobs", "/v1/ingestion/jobs/s3cret": "/v1/ingestion/jobs/{jobId}",
		"/v1/ingestion/jobs/s3cret/outcomes": "/v1/ingestion/jobs/{jobId}/outcomes", "/v1/ingestion/jobs/s3cret/s3cret": "other", "/s3cret": "other",
	} {
		_, lines, seen := p.send(t, "GET", path, "")
		require.Equal(t, 1, strings.Count(lines, "msg=request "), lines)
		require.Contains(t, lines, "request=", "only the API's line has a request id")
		require.Equal(t, route != "other", strings.Contains(lines, " organization=org"), "once the caller is known")
		require.Equal(t, route, seen.Route)
		require.NotZero(t, seen.Bytes)
	}
	_, _, seen = p.send(t, "S3CRET", "/healthz", "")
	require.Equal(t, "other", seen.Method)
	_, _, seen = p.send(t, "GET", "/early", "")
	require.Equal(t, http.StatusTeapot, seen.Status)
}

func TestAccessLogOfPanics(t *testing.T) {
	p := newProgram(t)
	status, lines, seen := p.send(t, "GET", "/panics", "")
	require.Equal(t, 500, status)
	require.Equal(t, 500, seen.Status)
	require.Contains(t, lines, `level=ERROR msg="request panicked" route=other type=string`)
	// The server ends such a request, and it is still counted.
	for _, path := range []string{"/late", "/gone"} {
		require.PanicsWithValue(t, http.ErrAbortHandler, func() {
			p.handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		})
	}
	require.Len(t, p.seen, 3)
	require.NotContains(t, p.logs.String(), "s3cret")
}
