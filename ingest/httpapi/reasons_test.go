package httpapi_test

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// The log says why a request was refused, and nothing that was in the request.
func TestLogSaysWhyARequestWasRefused(t *testing.T) {
	const canary = "CANARY4711"
	p := pipeline(t)
	tokens := must(auth.ParseTokens("t=o"))
	forbidden := auth.Func(func(*http.Request) (ingest.Caller, error) {
		return ingest.Caller{}, fmt.Errorf("%w: the scope system/Bundle.c is missing", auth.ErrForbidden)
	})
	for name, c := range map[string]struct {
		who          auth.Authenticator
		method, path string
		header       http.Header
		body         string
		status       int
		code, reason string
	}{
		"no token":           {status: 401, header: http.Header{"Authorization": {}}, code: "no-credentials", reason: "auth: no credentials"},
		"an unknown token":   {status: 401, header: http.Header{"Authorization": {"Bearer " + canary}}, code: "invalid-token", reason: "auth: invalid token"},
		"two tokens":         {status: 400, header: http.Header{"Authorization": {"Bearer t", "Bearer " + canary}}, code: "malformed-credentials", reason: "auth: malformed credentials: more than one Authorization header"},
		"no scope":           {who: forbidden, status: 403, code: "forbidden", reason: "auth: forbidden: the scope system/Bundle.c is missing"},
		"a type":             {status: 415, header: http.Header{"Content-Type": {"text/" + canary}}, code: "unsupported-media-type", reason: "Unsupported Content-Type; allowed are application/fhir+json and application/json, in UTF-8"},
		"a parameter":        {status: 400, path: bundlePath + "?" + canary + "=" + canary, code: "bad-request", reason: "Unknown parameter; allowed are endpoint, _format and _pretty"},
		"broken JSON":        {status: 400, body: `{"` + canary + `":` + canary, code: "json-syntax", reason: "at offset 14 of the body"},
		"another upload":     {status: 400, path: uploadPath, body: `{"contentType":"` + canary + `"}`, code: "bad-request", reason: "Invalid contentType. Allowed types: application/fhir+json, application/json, application/fhir+ndjson, application/x-ndjson, application/ndjson"},
		"a list":             {status: 400, method: "GET", path: jobsPath + "?limit=" + canary, code: "bad-request", reason: "limit must be from 1 to 500"},
		"a list, mistyped":   {status: 400, method: "GET", path: jobsPath + "?stat=failed", code: "bad-request", reason: "Unknown parameter; allowed are status, code, limit and cursor"},
		"a job with a query": {status: 400, method: "GET", path: jobsPath + "/x?a=b", code: "bad-request", reason: "Unknown parameter; none is allowed here"},
	} {
		t.Run(name, func(t *testing.T) {
			var logs bytes.Buffer
			who := c.who
			if who == nil {
				who = tokens
			}
			door := must(httpapi.New(p.Service, who, &httpapi.Options{Logger: slog.New(slog.NewJSONHandler(&logs, nil))}))
			if c.method == "" {
				c.method = "POST"
			}
			if c.path == "" {
				c.path = bundlePath
			}
			if c.body == "" {
				c.body = small
			}
			r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
			r.Header.Set("Authorization", "Bearer t")
			r.Header.Set("Content-Type", fhirJSON)
			for name, values := range c.header {
				r.Header[name] = values
			}
			w := httptest.NewRecorder()
			door.ServeHTTP(w, r)
			require.Equal(t, c.status, w.Code, w.Body)
			require.NotContains(t, logs.String(), canary)
			require.NotContains(t, w.Body.String(), canary)
			var line struct{ Code, Reason string }
			require.NoError(t, json.Unmarshal(logs.Bytes(), &line))
			require.Equal(t, c.code, line.Code)
			require.Equal(t, c.reason, line.Reason)
		})
	}
}

// A refused client gets the challenge of the scheme in use.
func TestChallengeIsTheAuthenticators(t *testing.T) {
	p := pipeline(t)
	refuse := func(err error) auth.Authenticator {
		return auth.Func(func(*http.Request) (ingest.Caller, error) { return ingest.Caller{}, err })
	}
	for name, c := range map[string]struct {
		who    auth.Authenticator
		status int
		want   string
	}{
		"bearer":            {refuse(auth.ErrNoCredentials), 401, `Bearer realm="fhirdock"`},
		"basic":             {auth.WithChallenge(refuse(auth.ErrNoCredentials), `Basic realm="lab"`), 401, `Basic realm="lab"`},
		"basic, wrong":      {auth.WithChallenge(refuse(auth.ErrInvalidToken), `Basic realm="lab"`), 401, `Basic realm="lab"`},
		"basic, forbidden":  {auth.WithChallenge(refuse(auth.ErrForbidden), `Basic realm="lab"`), 403, ""},
		"basic, malformed":  {auth.WithChallenge(refuse(auth.ErrMalformed), `Basic realm="lab"`), 400, ""},
		"no header at all":  {auth.WithChallenge(refuse(auth.ErrNoCredentials), ""), 401, ""},
		"bearer, forbidden": {refuse(auth.ErrForbidden), 403, `Bearer realm="fhirdock", error="insufficient_scope"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			must(httpapi.New(p.Service, c.who, nil)).ServeHTTP(w, httptest.NewRequest("GET", jobsPath, nil))
			require.Equal(t, c.status, w.Code)
			require.Equal(t, c.want, w.Header().Get("WWW-Authenticate"))
		})
	}
}

// An organization's id may be its OID or its host name.
func TestOrganizationsWithDots(t *testing.T) {
	p := pipeline(t)
	for _, org := range []string{"1.2.840.113619", "lab.example.org", "a..b"} {
		door := must(httpapi.New(p.Service, must(auth.ParseTokens("t="+org+":u")), nil))
		r := httptest.NewRequest("POST", bundlePath, strings.NewReader(small))
		r.Header.Set("Authorization", "Bearer t")
		w := httptest.NewRecorder()
		door.ServeHTTP(w, r)
		require.Equal(t, 202, w.Code, w.Body)
		var receipt struct{ JobID string }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &receipt))
		job, err := p.Jobs.Get(t.Context(), receipt.JobID)
		require.NoError(t, err)
		require.Equal(t, "incoming/fhir/"+org+"/2030/01/01/"+receipt.JobID+".json", job.Payload.Key)
	}
	for _, org := range []string{".", "..", ".a", "a.", "a/b"} {
		_, err := auth.ParseTokens("t=" + org)
		require.ErrorContains(t, err, "no dot", org)
	}
}

// The digest of a streamed body is checked too.
func TestDigestOfAStreamedBody(t *testing.T) {
	p := pipeline(t)
	large := strings.Replace(small, `"id":"p1"`, `"id":"p1","text":"`+strings.Repeat("x", 3<<19)+`"`, 1)
	sum := sha512.Sum512([]byte(large))
	for status, digest := range map[int][]byte{202: sum[:], 400: make([]byte, len(sum))} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", p.URL+bundlePath, strings.NewReader(large))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+ingesttest.Token)
		req.Header.Set("Content-Digest", "sha-512=:"+base64.StdEncoding.EncodeToString(digest)+":")
		answer := p.Client.Send(t, req)
		require.Equal(t, status, answer.Status, string(answer.Body))
	}
	page, err := p.Jobs.List(t.Context(), jobs.Query{OrganizationID: ingesttest.Organization})
	require.NoError(t, err)
	require.Len(t, page.Jobs, 1)
}
