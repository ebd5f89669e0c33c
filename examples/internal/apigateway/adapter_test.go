package apigateway

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/apigateway/apigatewaytest"
)

// through passes an event to a handler and returns the response.
func through(t *testing.T, event string, h http.HandlerFunc) *apigatewaytest.Response {
	t.Helper()
	a := Adapter{Front: func(*url.URL) (http.Handler, error) { return h, nil }}
	raw, err := a.Invoke(t.Context(), []byte(event))
	require.NoError(t, err)
	return apigatewaytest.Decode(t, string(raw))
}

var formats = map[string]func(testing.TB, apigatewaytest.Request) string{"1.0": apigatewaytest.REST, "2.0": apigatewaytest.HTTP}

func TestRequestOfAnEvent(t *testing.T) {
	for name, event := range formats {
		t.Run(name, func(t *testing.T) {
			called := false
			through(t, event(t, apigatewaytest.Request{
				Method: "POST", Path: "/v1/ingestion/jobs", Query: "a=1&a=2&b=x%26y&c=", Body: "{\"é\":1}",
				Header: http.Header{"Content-Type": {"application/fhir+json"}, "X-Many": {"1", "2"}, "Cookie": {"a=1", "b=2"}, "Host": {"front.example"}, "X-Request-Id": {"mine"}},
			}), func(_ http.ResponseWriter, r *http.Request) {
				called = true
				require.Equal(t, "POST", r.Method)
				require.Equal(t, "/v1/ingestion/jobs", r.URL.EscapedPath())
				require.Equal(t, url.Values{"a": {"1", "2"}, "b": {"x&y"}, "c": {""}}, r.URL.Query())
				require.Equal(t, "application/fhir+json", r.Header.Get("Content-Type"))
				require.Equal(t, "1,2", strings.Join(r.Header["X-Many"], ","))
				require.Len(t, r.Cookies(), 2)
				require.Equal(t, "192.0.2.7:0", r.RemoteAddr)
				require.Contains(t, r.Host, "execute-api", "the domain of API Gateway")
				require.Empty(t, r.Header.Get("Host"))
				require.Equal(t, "mine", r.Header.Get("X-Request-Id"))
				require.NotNil(t, r.TLS)
				body, err := io.ReadAll(r.Body)
				require.NoError(t, err)
				require.Equal(t, "{\"é\":1}", string(body))
				require.EqualValues(t, len(body), r.ContentLength)
			})
			require.True(t, called)
			through(t, event(t, apigatewaytest.Request{Method: "GET", Path: "/v1/ingestion/jobs"}), func(_ http.ResponseWriter, r *http.Request) {
				require.Zero(t, r.ContentLength)
				require.Equal(t, http.NoBody, r.Body)
				require.Regexp(t, `^[\w-]{1,64}$`, r.Header.Get("X-Request-Id"), "API Gateway's id in the front door's form")
			})
		})
	}
}

// The front door's own path, and its URL for the client.
func TestPaths(t *testing.T) {
	for name, c := range map[string]struct{ event, path, location string }{
		"REST, its own domain": {
			`{"httpMethod":"GET","path":"/v1/ingestion/jobs","requestContext":{"stage":"prod","path":"/prod/v1/ingestion/jobs"}}`,
			"/v1/ingestion/jobs", "/prod/v1/ingestion/x"},
		"REST, a mapping": {
			`{"httpMethod":"GET","path":"/fhir/v1/ingestion/jobs","requestContext":{"stage":"prod","path":"/fhir/v1/ingestion/jobs"}}`,
			"/v1/ingestion/jobs", "/fhir/v1/ingestion/x"},
		"REST, a mapping of all stages": {
			`{"httpMethod":"GET","path":"/fhir/prod/v1/ingestion/jobs","requestContext":{"stage":"prod","path":"/fhir/prod/v1/ingestion/jobs"}}`,
			"/v1/ingestion/jobs", "/fhir/prod/v1/ingestion/x"},
		"REST keeps what is encoded": {
			`{"httpMethod":"GET","path":"/v1/ingestion/jobs/a%2Fb","requestContext":{"path":"/v1/ingestion/jobs/a%2Fb"}}`,
			"/v1/ingestion/jobs/a%2Fb", "/v1/ingestion/x"},
		"HTTP, the default stage": {
			`{"rawPath":"/v1/ingestion/jobs","requestContext":{"stage":"$default","http":{"method":"GET"}}}`,
			"/v1/ingestion/jobs", "/v1/ingestion/x"},
		"HTTP, a stage": {
			`{"rawPath":"/prod/v1/ingestion/jobs","requestContext":{"stage":"prod","http":{"method":"GET"}}}`,
			"/v1/ingestion/jobs", "/prod/v1/ingestion/x"},
		"HTTP, a stage named like our path": {
			`{"rawPath":"/v1/v1/ingestion/jobs","requestContext":{"stage":"v1","http":{"method":"GET"}}}`,
			"/v1/ingestion/jobs", "/v1/v1/ingestion/x"},
		"HTTP, a path like another host's": {
			`{"rawPath":"//evil.example/v1/ingestion/jobs","requestContext":{"http":{"method":"GET"}}}`,
			"/v1/ingestion/jobs", "/evil.example/v1/ingestion/x"},
		"HTTP, decoded": {
			`{"rawPath":"/v1/ingestion/jobs/a?b#c%2","requestContext":{"http":{"method":"GET"}}}`,
			"/v1/ingestion/jobs/a%3Fb%23c%252", "/v1/ingestion/x"},
		"not ours": {
			`{"rawPath":"/v1/ingestionary","requestContext":{"http":{"method":"GET"}}}`,
			"/v1/ingestionary", "/v1/ingestion/x"},
		"not ours, with a stage": {
			`{"rawPath":"/prod/v1/ingestionary","requestContext":{"http":{"method":"GET"}}}`,
			"/prod/v1/ingestionary", "/v1/ingestion/x"},
		"only a prefix": {
			`{"rawPath":"/prod/v1/ingestion","requestContext":{"http":{"method":"GET"}}}`,
			"/v1/ingestion", "/prod/v1/ingestion/x"},
	} {
		t.Run(name, func(t *testing.T) {
			a := Adapter{Front: func(base *url.URL) (http.Handler, error) {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					require.Equal(t, c.path, r.URL.EscapedPath())
					require.Equal(t, c.location, strings.TrimRight(base.Path, "/")+"/v1/ingestion/x")
				}), nil
			}}
			_, err := a.Invoke(t.Context(), []byte(c.event))
			require.NoError(t, err)
		})
	}
}

func TestAnswerOfARequest(t *testing.T) {
	for name, event := range formats {
		t.Run(name, func(t *testing.T) {
			a := through(t, event(t, apigatewaytest.Request{Method: "GET", Path: "/"}), func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Add("Vary", "A")
				w.Header().Add("Vary", "B")
				w.Header().Add("Set-Cookie", "a=1; Path=/")
				w.Header().Add("Set-Cookie", "b=2; Expires=Wed, 01 Jan 2031 00:00:00 GMT")
				w.Header().Set("Connection", "close")
				w.WriteHeader(http.StatusTeapot)
				w.WriteHeader(http.StatusOK)        // ignored: too late
				w.Header().Set("X-Late", "ignored") // too late
				_, _ = io.WriteString(w, "é\n")
			})
			require.Equal(t, http.StatusTeapot, a.StatusCode)
			require.Equal(t, "é\n", a.Body)
			require.False(t, a.IsBase64Encoded)
			require.Empty(t, a.Get("Connection"))
			require.Empty(t, a.Get("X-Late"))
			if name == "2.0" {
				require.Equal(t, "A, B", a.Headers["Vary"])
				require.Len(t, a.Cookies, 2, "a cookie may have commas")
				require.Empty(t, a.Headers["Set-Cookie"])
			} else {
				require.Equal(t, []string{"A", "B"}, a.MultiValueHeaders["Vary"])
				require.Len(t, a.MultiValueHeaders["Set-Cookie"], 2)
			}

			a = through(t, event(t, apigatewaytest.Request{Method: "GET", Path: "/"}), func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0xff, 0}) })
			require.Equal(t, http.StatusOK, a.StatusCode)
			require.True(t, a.IsBase64Encoded)
			require.Equal(t, base64.StdEncoding.EncodeToString([]byte{0xff, 0}), a.Body)

			a = through(t, event(t, apigatewaytest.Request{Method: "HEAD", Path: "/"}), func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "body") })
			require.Empty(t, a.Body)
		})
	}
}

// A response that is too large for Lambda becomes an error response. As JSON it may be
// longer than its body.
func TestAnswerThatIsTooLarge(t *testing.T) {
	for name, body := range map[string]string{"body": strings.Repeat("a", maxAnswer+1), "as JSON": strings.Repeat(`"`, maxAnswer/2)} {
		for format, event := range formats {
			a := through(t, event(t, apigatewaytest.Request{Method: "GET", Path: "/"}), func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Request-Id", "r")
				_, _ = io.WriteString(w, body)
			})
			require.Equal(t, http.StatusInternalServerError, a.StatusCode, name+format)
			require.JSONEq(t, `{"error":"The response is too large","requestId":"r"}`, a.Body)
			require.Equal(t, "r", a.Get("X-Request-Id"))
		}
	}
}

func TestInvalidEvents(t *testing.T) {
	a := Adapter{Front: func(*url.URL) (http.Handler, error) { return http.NotFoundHandler(), nil }}
	for _, event := range []string{``, `null`, `[]`, `{}`, `{"version":"2.0"}`, `{"Records":[{"secret":1}]}`, `{"path":"/secret"}`} {
		_, err := a.Invoke(t.Context(), []byte(event))
		require.ErrorIs(t, err, errNoEvent, event)
	}
	_, err := a.Invoke(t.Context(), []byte(`{"httpMethod":"POST","path":"/","body":"se&cret","isBase64Encoded":true}`))
	require.ErrorContains(t, err, "base64")
	require.NotContains(t, err.Error(), "cret")
}

// A configured public URL takes precedence.
func TestPublicURL(t *testing.T) {
	var got string
	a := Adapter{PublicURL: &url.URL{Scheme: "https", Host: "fhir.example", Path: "/in"}, Front: func(base *url.URL) (http.Handler, error) {
		got = base.String()
		return http.NotFoundHandler(), nil
	}}
	_, err := a.Invoke(t.Context(), []byte(apigatewaytest.HTTP(t, apigatewaytest.Request{Method: "GET", Path: "/prod/v1/ingestion/jobs"})))
	require.NoError(t, err)
	require.Equal(t, "https://fhir.example/in", got)
	a.PublicURL = nil
	_, err = a.Invoke(t.Context(), []byte(apigatewaytest.HTTP(t, apigatewaytest.Request{Method: "GET", Path: "/prod/v1/ingestion/jobs"})))
	require.NoError(t, err)
	require.Equal(t, "https://id.execute-api.us-east-1.amazonaws.com/prod", got)
}

func FuzzEvent(f *testing.F) {
	for _, event := range formats {
		f.Add([]byte(event(f, apigatewaytest.Request{Method: "POST", Path: "/prod/v1/ingestion/fhir/Bundle", Query: "a=%26&b", Body: "x", Header: http.Header{"A": {"b"}}})))
	}
	f.Add([]byte(`{"httpMethod":"a b","path":"%","requestContext":{"path":"//"}}`))
	a := Adapter{Front: func(*url.URL) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = r.URL.Query()
			_, _ = io.Copy(w, r.Body)
		}), nil
	}}
	f.Fuzz(func(t *testing.T, event []byte) {
		raw, err := a.Invoke(t.Context(), event)
		if err == nil && !json.Valid(raw) {
			t.Fatal("the response is not JSON")
		}
	})
}

// Links only contain a host named by API Gateway, not the client's Host header.
func TestEventWithoutAHost(t *testing.T) {
	e := event{Method: "GET", Path: "/v1/ingestion/jobs", Headers: map[string]string{"Host": "evil.example"}}
	_, base, err := e.request(t.Context())
	require.NoError(t, err)
	require.Empty(t, base.Host)
}
