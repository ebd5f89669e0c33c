package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore/httpbody"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Invalid options are an error at the start, not a 500 for each request.
func TestNewRefusesInvalidOptions(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	tokens, err := auth.ParseTokens("t=o")
	require.NoError(t, err)
	_, err = httpapi.New(nil, tokens, nil)
	require.EqualError(t, err, "httpapi: the Service is missing")
	_, err = httpapi.New(p.Service, nil, nil)
	require.EqualError(t, err, "httpapi: the Authenticator is missing")
	_, err = httpapi.New(p.Service, tokens, &httpapi.Options{Body: httpbody.Limits{Stall: -time.Second}})
	require.ErrorContains(t, err, "httpapi: Options.Body: ")
	for base, fine := range map[string]bool{
		"https://api.example.org": true, "http://h:1/": true, "https://h/hospital/": true, "/hospital": true, "/": true,
		"api.example.org": false, "ftp://h": false, "https:///path": false, "mailto:a@b": false, "//h/p": false, "hospital": false,
		"https://h//evil.example/p": false, "https://user@h": false, "https://h?a=b": false, "https://h#a": false, "": false,
	} {
		u, err := url.Parse(base)
		require.NoError(t, err)
		_, err = httpapi.New(p.Service, tokens, &httpapi.Options{BaseURL: u})
		require.Equal(t, fine, err == nil, "%q", base)
	}
}

// Links lead to where clients reach the API, never to where a client's headers say.
func TestLinks(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	tokens, err := auth.ParseTokens("t=o")
	require.NoError(t, err)
	for base, want := range map[string]struct{ location, absolute string }{
		"":                                  {"", ""},
		"https://api.example.org":           {"", "https://api.example.org"},
		"https://api.example.org/":          {"", "https://api.example.org"},
		"https://api.example.org/hospital/": {"/hospital", "https://api.example.org/hospital"},
		"https://api.example.org/a%20b":     {"/a%20b", "https://api.example.org/a%20b"},
		"/prod":                             {"/prod", "/prod"},
	} {
		t.Run(base, func(t *testing.T) {
			opts := &httpapi.Options{}
			if base != "" {
				opts.BaseURL = must(url.Parse(base))
			}
			door := must(httpapi.New(p.Service, tokens, opts))
			send := func(method, path, body string) *httptest.ResponseRecorder {
				r := httptest.NewRequest(method, path, strings.NewReader(body))
				r.Host = "evil.example"
				r.Header.Set("Authorization", "Bearer t")
				r.Header.Set("Content-Type", fhirJSON)
				r.Header.Set("X-Forwarded-Host", "evil.example")
				w := httptest.NewRecorder()
				door.ServeHTTP(w, r)
				require.Less(t, w.Code, 300, w.Body)
				require.NotContains(t, w.Body.String(), "evil.example")
				return w
			}
			accepted := send(http.MethodPost, bundlePath, small)
			job := "/v1/ingestion/jobs/"
			require.True(t, strings.HasPrefix(accepted.Header().Get("Location"), want.location+job))
			require.True(t, strings.HasPrefix(accepted.Header().Get("Content-Location"), want.absolute+job))
			ticket := send(http.MethodPost, uploadPath, "")
			require.True(t, strings.HasPrefix(ticket.Header().Get("Location"), want.location+job))
			require.Contains(t, ticket.Body.String(), " "+want.absolute+job)
			list := send(http.MethodGet, jobsPath+"?limit=1", "")
			require.True(t, strings.HasPrefix(list.Header().Get("Link"), "<"+want.absolute+"/v1/ingestion/jobs?"), list.Header())
		})
	}
}
