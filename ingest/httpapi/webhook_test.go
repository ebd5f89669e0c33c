package httpapi_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
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
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

const (
	oldSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	newSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	hisSecret = "whsec_plJ3nmyCDGBKInavdOK15jsl54nfXSpQ"
)

// signedDoor is an API whose senders sign: "lab" with one of two secrets for the pipeline's
// organization, "his" for the other one.
type signedDoor struct {
	*ingesttest.Pipeline
	door http.Handler
	logs *strings.Builder
}

func newSignedDoor(t *testing.T, opts *ingesttest.Options, change ...func(*httpapi.Options)) *signedDoor {
	t.Helper()
	p := ingesttest.NewWithOptions(t, opts)
	webhooks, err := auth.NewWebhooks([]auth.WebhookEndpoint{
		{Name: "lab", Caller: ingest.Caller{OrganizationID: ingesttest.Organization}, Secrets: []string{oldSecret, newSecret}},
		{Name: "his", Caller: ingest.Caller{OrganizationID: ingesttest.OtherOrganization}, Secrets: []string{hisSecret}},
	}, &auth.WebhookOptions{Now: p.Clock.Now})
	require.NoError(t, err)
	tokens, err := auth.ParseTokens(ingesttest.Token + "=" + ingesttest.Organization)
	require.NoError(t, err)
	d := &signedDoor{Pipeline: p, logs: &strings.Builder{}}
	door := &httpapi.Options{Webhooks: webhooks, Logger: slog.New(slog.NewJSONHandler(d.logs, nil)), SpoolFolder: t.TempDir()}
	for _, f := range change {
		f(door)
	}
	d.door = must(httpapi.New(p.Service, tokens, door))
	return d
}

// message is a webhook as its sender makes it, and a change made on its way.
type message struct {
	id, secret, body string
	at               time.Time
	endpoint         string
	change           func(r *http.Request)
}

func (m message) request(t *testing.T) *http.Request {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.secret, "whsec_"))
	require.NoError(t, err)
	stamp := strconv.FormatInt(m.at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, m.id+"."+stamp+"."+m.body)
	r := httptest.NewRequest("POST", bundlePath+"?endpoint="+m.endpoint, strings.NewReader(m.body))
	r.Header.Set("Content-Type", fhirJSON)
	r.Header.Set("webhook-id", m.id)
	r.Header.Set("webhook-timestamp", stamp)
	r.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	if m.change != nil {
		m.change(r)
	}
	return r
}

func (d *signedDoor) send(t *testing.T, m message) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	d.door.ServeHTTP(w, m.request(t))
	return w
}

func (d *signedDoor) message(id string) message {
	return message{id: id, secret: oldSecret, body: small, at: d.Clock.Now(), endpoint: "lab"}
}

func jobOf(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	require.Equal(t, 202, w.Code, w.Body.String())
	return strings.TrimPrefix(w.Header().Get("Location"), jobsPath+"/")
}

func TestWebhookIsAccepted(t *testing.T) {
	large := `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","text":"` + strings.Repeat("x", 1500<<10) + `"}}]}`
	for name, body := range map[string]string{"held in memory": small, "streamed": large} {
		t.Run(name, func(t *testing.T) {
			d := newSignedDoor(t, &ingesttest.Options{NoWorker: true})
			for i, c := range []struct{ endpoint, secret, org string }{
				{"lab", oldSecret, ingesttest.Organization}, {"lab", newSecret, ingesttest.Organization}, {"his", hisSecret, ingesttest.OtherOrganization},
			} {
				id := jobOf(t, d.send(t, message{id: "msg_" + strconv.Itoa(i), secret: c.secret, body: body, at: d.Clock.Now(), endpoint: c.endpoint}))
				job, err := d.Jobs.Get(t.Context(), id)
				require.NoError(t, err)
				require.Equal(t, c.org, job.OrganizationID, "the secret decides the tenant")
				require.Equal(t, jobs.Webhook, job.Source)
				require.EqualValues(t, len(body), job.Payload.Size)
			}
		})
	}
}

// Unsigned messages are not acknowledged, and leave nothing.
func TestWebhookIsRefused(t *testing.T) {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Del(name)
			if value != "" {
				r.Header.Set(name, value)
			}
		}
	}
	body := func(text string) func(*http.Request) {
		return func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		}
	}
	streamed := `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","text":"` + strings.Repeat("CANARY4711", 150<<10) + `"}}]}`
	for name, c := range map[string]struct {
		message
		age    time.Duration
		status int
		text   string
	}{
		"another body":             {message: message{change: body(strings.Replace(small, "p1", "p2", 1))}, status: 401, text: notSigned},
		"another body, streamed":   {message: message{change: body(streamed)}, status: 401, text: notSigned},
		"broken body":              {message: message{change: body(`{"CANARY4711`)}, status: 401, text: notSigned},
		"broken early, streamed":   {message: message{change: body("]" + streamed)}, status: 401, text: notSigned},
		"no body":                  {message: message{change: body("")}, status: 401, text: notSigned},
		"another secret":           {message: message{secret: hisSecret}, status: 401, text: notSigned},
		"another endpoint":         {message: message{endpoint: "his"}, status: 401, text: notSigned},
		"another id":               {message: message{change: header("webhook-id", "msg_CANARY4711")}, status: 401, text: notSigned},
		"an unknown endpoint":      {message: message{endpoint: "none"}, status: 401, text: notSigned},
		"an old timestamp":         {age: 301 * time.Second, status: 401, text: "webhook-timestamp is too far"},
		"a timestamp of tomorrow":  {age: -301 * time.Second, status: 401, text: "webhook-timestamp is too far"},
		"no id":                    {message: message{change: header("webhook-id", "")}, status: 401, text: "missing or malformed"},
		"no timestamp":             {message: message{change: header("webhook-timestamp", "")}, status: 401, text: "missing or malformed"},
		"no signature":             {message: message{change: header("webhook-signature", "")}, status: 401, text: "Authentication is required"},
		"signed, and too large":    {message: message{body: strings.Repeat(" ", maxBody) + small}, status: 401, text: notSigned},
		"signed, and invalid":      {message: message{body: `{"resourceType":"Patient","id":"CANARY4711"}`}, status: 400, text: "Expected resourceType"},
		"signed, and invalid late": {message: message{body: streamed + "]"}, status: 400, text: "Invalid JSON"},
		"signed, of another type":  {message: message{change: header("Content-Type", "text/xml")}, status: 415, text: "allowed are"},
		"signed, another digest":   {message: message{change: header("Content-Digest", "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:")}, status: 400, text: "the digest that was promised"},
		"signed, and cut": {message: message{change: func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(small[:40]), cut{}))
		}}, status: 401, text: notSigned},
	} {
		t.Run(name, func(t *testing.T) {
			d := newSignedDoor(t, &ingesttest.Options{NoWorker: true, Service: ingest.Options{MaxBodyBytes: maxBody}})
			m := d.message("msg_1")
			m.at, m.change = m.at.Add(-c.age), c.change
			if c.body != "" {
				m.body = c.body
			}
			if c.secret != "" {
				m.secret = c.secret
			}
			if c.endpoint != "" {
				m.endpoint = c.endpoint
			}
			w := d.send(t, m)
			require.Equal(t, c.status, w.Code, w.Body.String())
			require.Contains(t, w.Body.String(), c.text)
			require.Equal(t, c.status == 401, w.Header().Get("WWW-Authenticate") != "")
			for _, said := range []string{w.Body.String(), d.logs.String(), d.Logs()} {
				require.NotContains(t, said, "CANARY4711")
				require.NotContains(t, said, oldSecret[6:])
			}
			requireNothing(t, d.Pipeline)
			// The id is still free for the genuine message.
			jobOf(t, d.send(t, d.message("msg_1")))
		})
	}
}

const notSigned = "The webhook-signature is not valid for this body"

type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// A sender retries with the same id and a new timestamp; an attacker replays the message
// unchanged, or with another key.
func TestWebhookIsProcessedOnce(t *testing.T) {
	d := newSignedDoor(t, nil)
	first := d.message("msg_1")
	id := jobOf(t, d.send(t, first))
	d.Wait(t, id)

	d.Clock.Advance(4 * time.Minute)
	require.Equal(t, id, jobOf(t, d.send(t, first)), "a replay")
	keyed := first
	keyed.change = func(r *http.Request) { r.Header.Set("Idempotency-Key", "another") }
	require.Equal(t, id, jobOf(t, d.send(t, keyed)), "an unsigned key")
	d.Clock.Advance(24 * time.Hour)
	require.Equal(t, 401, d.send(t, first).Code)
	again := d.message("msg_1")
	again.secret = newSecret
	require.Equal(t, id, jobOf(t, d.send(t, again)), "the sender's own retry, with its new secret")
	require.Len(t, d.Sink.Resources(), 1)

	other := d.message("msg_1")
	other.body += " "
	require.Equal(t, 422, d.send(t, other).Code)

	// A webhook-id belongs to its endpoint, and is not one of the organization's
	// Idempotency-Keys.
	his := message{id: "msg_1", secret: hisSecret, body: small, at: d.Clock.Now(), endpoint: "his"}
	require.NotEqual(t, id, jobOf(t, d.send(t, his)))
	r := httptest.NewRequest("POST", bundlePath, strings.NewReader(small))
	r.Header.Set("Authorization", "Bearer "+ingesttest.Token)
	r.Header.Set("Content-Type", fhirJSON)
	r.Header.Set("Idempotency-Key", "msg_1")
	w := httptest.NewRecorder()
	d.door.ServeHTTP(w, r)
	require.NotEqual(t, id, jobOf(t, w))
}

func TestWebhooksRaceForOneJob(t *testing.T) {
	d := newSignedDoor(t, nil)
	var ended sync.WaitGroup
	start := make(chan struct{})
	answers := make([]*httptest.ResponseRecorder, 32)
	for i := range answers {
		answers[i] = httptest.NewRecorder()
		r := d.message("msg_1").request(t)
		ended.Go(func() {
			<-start
			d.door.ServeHTTP(answers[i], r)
		})
	}
	close(start)
	ended.Wait()
	requireOneJob(t, answers, d.Pipeline)
}

// A signature identifies the sender of a body, and gives no other access.
func TestWebhookOpensNoOtherRoute(t *testing.T) {
	d := newSignedDoor(t, &ingesttest.Options{NoWorker: true})
	id := jobOf(t, d.send(t, d.message("msg_1")))
	for _, c := range [][2]string{{"POST", uploadPath}, {"GET", jobsPath}, {"GET", jobsPath + "/" + id}, {"DELETE", jobsPath + "/" + id}, {"POST", jobsPath + "/" + id + "/redrive"}} {
		signed := d.message("msg_2").request(t)
		r := httptest.NewRequest(c[0], c[1]+"?endpoint=lab", strings.NewReader(small))
		r.Header = signed.Header
		w := httptest.NewRecorder()
		d.door.ServeHTTP(w, r)
		require.Equal(t, 401, w.Code, c)
	}
	// Nor does it if no webhooks are configured, and a token does not replace it.
	m := d.message("msg_3")
	m.change = func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+ingesttest.Token)
		r.Header.Set("webhook-signature", "v1,AAAA")
	}
	require.Equal(t, 401, d.send(t, m).Code)
	tokens, err := auth.ParseTokens(ingesttest.Token + "=" + ingesttest.Organization)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	must(httpapi.New(d.Service, tokens, nil)).ServeHTTP(w, d.message("msg_4").request(t))
	require.Equal(t, 401, w.Code)
}
