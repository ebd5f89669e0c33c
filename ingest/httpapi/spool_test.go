package httpapi_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
)

// An unverified sender always gets the same 401, for known and unknown endpoints, and the
// same amount of its body is read.
func TestAnUnverifiedSenderSeesOnly401(t *testing.T) {
	d := newSignedDoor(t, &ingesttest.Options{NoWorker: true, Service: ingest.Options{MaxBodyBytes: maxBody}})
	large := strings.Repeat(" ", maxBody+1)
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, c := range map[string]struct {
		body   string
		change func(*http.Request)
	}{
		"a Bundle":               {small, nil},
		"a large Bundle":         {bundleOf(maxBody - 1000), nil},
		"no JSON":                {"{", nil},
		"nothing":                {"", nil},
		"above the limit":        {large, nil},
		"above it, in chunks":    {large, func(r *http.Request) { r.ContentLength = -1 }},
		"cut":                    {small, func(r *http.Request) { r.Body = io.NopCloser(io.MultiReader(r.Body, cut{})) }},
		"XML":                    {small, header("Content-Type", "text/xml")},
		"no media type":          {small, header("Content-Type", ";;")},
		"another version":        {small, header("Content-Type", "application/fhir+json; fhirVersion=9.9")},
		"compressed":             {small, header("Content-Encoding", "gzip")},
		"another digest":         {small, header("Content-Digest", "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:")},
		"a malformed digest":     {small, header("Content-Digest", "x")},
		"a malformed key":        {small, header("Idempotency-Key", `"`)},
		"an unknown parameter":   {small, func(r *http.Request) { r.URL.RawQuery += "&x=1" }},
		"a doubled parameter":    {small, func(r *http.Request) { r.URL.RawQuery += "&_format=json&_format=json" }},
		"a token beside it":      {small, header("Authorization", "Bearer "+ingesttest.Token)},
		"two tokens beside it":   {small, func(r *http.Request) { r.Header["Authorization"] = []string{"a", "b"} }},
		"a key that is taken":    {small, nil},
		"a signature in no form": {small, header("webhook-signature", "v1,short")},
	} {
		t.Run(name, func(t *testing.T) {
			jobOf(t, d.send(t, d.message("msg_taken")))
			var answers []string
			var read []int
			for _, endpoint := range []string{"lab", "his", "none"} {
				m := d.message("msg_taken")
				m.endpoint, m.body, m.secret = endpoint, c.body, strangersSecret
				r := m.request(t)
				counted := &counter{Reader: r.Body}
				r.Body = io.NopCloser(counted)
				r.Header.Set("X-Request-Id", "same")
				if c.change != nil {
					c.change(r)
				}
				w := httptest.NewRecorder()
				d.door.ServeHTTP(w, r)
				require.Equal(t, 401, w.Code)
				require.Contains(t, w.Body.String(), notSigned)
				var head bytes.Buffer
				require.NoError(t, w.Header().Write(&head))
				answers, read = append(answers, head.String()+w.Body.String()), append(read, counted.n)
			}
			require.Equal(t, answers[0], answers[1])
			require.Equal(t, answers[0], answers[2])
			require.Equal(t, read[0], read[1])
			require.Equal(t, read[0], read[2])
		})
	}
}

const strangersSecret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

type counter struct {
	io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// bundleOf returns a Bundle of about n bytes.
func bundleOf(n int) string {
	return `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","text":"` + strings.Repeat("x", n) + `"}}]}`
}

// Nothing of a webhook's body is parsed or stored before its end, and the total size of
// spooled bodies is bounded: large ones get a 503 while small ones still fit.
func TestUnverifiedBodiesAreBounded(t *testing.T) {
	folder := t.TempDir()
	d := newSignedDoor(t, &ingesttest.Options{NoWorker: true, Service: ingest.Options{MaxBodyBytes: maxBody}}, func(o *httpapi.Options) {
		o.SpoolFolder, o.MaxUnverifiedBytes = folder, 2*maxBody
	})
	large := bundleOf(maxBody - 1000)
	slow := d.message("msg_slow")
	slow.body = large
	r := slow.request(t)
	body, reached, letGo := heldBody(large)
	r.Body = body
	slowly := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		w := httptest.NewRecorder()
		d.door.ServeHTTP(w, r)
		slowly <- w
	}()
	<-reached
	requireNothing(t, d.Pipeline)
	if runtime.GOOS != "windows" {
		require.Empty(t, must(os.ReadDir(folder)), "files of bodies have no names")
	}
	other := d.message("msg_other")
	other.body = large
	w := d.send(t, other)
	require.Equal(t, 503, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	require.Contains(t, d.logs.String(), "MaxUnverifiedBytes")
	jobOf(t, d.send(t, d.message("msg_small")))
	letGo()
	jobOf(t, <-slowly)
	for range 3 {
		jobOf(t, d.send(t, other)) // the room is free again
	}
	require.Empty(t, must(os.ReadDir(folder)))
}

// heldBody returns a body that waits before its last byte.
func heldBody(text string) (body io.ReadCloser, reached <-chan struct{}, letGo func()) {
	at, free := make(chan struct{}), make(chan struct{})
	last := readFunc(func(p []byte) (int, error) {
		close(at)
		<-free
		return copy(p, text[len(text)-1:]), io.EOF
	})
	return io.NopCloser(io.MultiReader(strings.NewReader(text[:len(text)-1]), last)), at, func() { close(free) }
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestNewRefusesAnInvalidSpool(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Service: ingest.Options{MaxBodyBytes: maxBody}})
	webhooks := must(auth.NewWebhooks([]auth.WebhookEndpoint{{Caller: ingest.Caller{OrganizationID: "lab"}, Secrets: []string{oldSecret}}}, nil))
	tokens := must(auth.ParseTokens("t=o"))
	for want, opts := range map[string]httpapi.Options{
		"MaxUnverifiedBytes must not be negative":        {MaxUnverifiedBytes: -1},
		"MaxUnverifiedBytes must be at least 2796204":    {MaxUnverifiedBytes: 2796203},
		"no file can be created in Options.SpoolFolder:": {SpoolFolder: filepath.Join(t.TempDir(), "none")},
	} {
		opts.Webhooks = webhooks
		_, err := httpapi.New(p.Service, tokens, &opts)
		require.ErrorContains(t, err, want)
	}
	_, err := httpapi.New(p.Service, tokens, &httpapi.Options{Webhooks: webhooks, MaxUnverifiedBytes: 2796204})
	require.NoError(t, err)
}
