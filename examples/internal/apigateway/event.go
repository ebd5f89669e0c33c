package apigateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/fhirdock/fhirdock/ingest/auth"
)

// event is a proxy event of API Gateway, in either format:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
type event struct {
	Version         string            `json:"version"`
	Headers         map[string]string `json:"headers"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`

	// Format 1.0: REST APIs, and HTTP APIs that choose it.
	Method       string              `json:"httpMethod"`
	Path         string              `json:"path"`
	MultiHeaders map[string][]string `json:"multiValueHeaders"`
	Query        map[string]string   `json:"queryStringParameters"`
	MultiQuery   map[string][]string `json:"multiValueQueryStringParameters"`

	// Format 2.0: HTTP APIs.
	RawPath  string   `json:"rawPath"`
	RawQuery string   `json:"rawQueryString"`
	Cookies  []string `json:"cookies"`

	RequestContext struct {
		Authorizer json.RawMessage `json:"authorizer"`
		RequestID  string          `json:"requestId"`
		DomainName string          `json:"domainName"`
		Path       string          `json:"path"` // 1.0: as the client sent it
		Identity   struct {
			SourceIP string `json:"sourceIp"`
		} `json:"identity"` // 1.0
		HTTP struct {
			Method   string `json:"method"`
			SourceIP string `json:"sourceIp"`
		} `json:"http"` // 2.0
	} `json:"requestContext"`
}

// isV2 reports whether the event has format 2.0.
func (e *event) isV2() bool { return e.RequestContext.HTTP.Method != "" && e.Method == "" }

// request returns the event's request, and the front door's URL for the client.
func (e *event) request(ctx context.Context) (r *http.Request, base *url.URL, err error) {
	if e.Method == "" && !e.isV2() {
		return nil, nil, errNoEvent
	}
	r = &http.Request{
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Host: e.RequestContext.DomainName,
		TLS: &tls.ConnectionState{}, // API Gateway only speaks TLS
	}
	var before, address string
	if e.isV2() {
		r.Method, address = e.RequestContext.HTTP.Method, e.RequestContext.HTTP.SourceIP
		before, r.URL = below(e.RawPath, false)
		r.URL.RawQuery = e.RawQuery
		if len(e.Cookies) > 0 {
			r.Header.Set("Cookie", strings.Join(e.Cookies, "; "))
		}
	} else {
		r.Method, address = e.Method, e.RequestContext.Identity.SourceIP
		_, r.URL = below(e.Path, true)
		before, _ = below(e.RequestContext.Path, true) // e.Path may lack the stage
		r.URL.RawQuery = e.query().Encode()
	}
	e.setHeaders(r.Header)
	if r.Host == "" {
		r.Host = r.Header.Get("Host")
	}
	r.Header.Del("Host") // as servers do
	r.RequestURI = r.URL.RequestURI()
	if address != "" {
		r.RemoteAddr = net.JoinHostPort(address, "0")
	}
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, nil, errors.New("the event's body is not base64, as the event says")
		}
	}
	r.Body, r.ContentLength = http.NoBody, int64(len(body))
	if len(body) > 0 {
		r.Body = readCloser{bytes.NewReader(body)}
	}
	return r.WithContext(auth.WithAuthorizer(ctx, e.RequestContext.Authorizer)), &url.URL{Scheme: "https", Host: e.RequestContext.DomainName, Path: "/" + strings.Trim(before, "/")}, nil
}

// setHeaders sets the client's headers. The client's own X-Request-Id is kept; otherwise
// the request gets API Gateway's id, which may end in "=".
func (e *event) setHeaders(h http.Header) {
	for name, values := range e.MultiHeaders {
		h[textproto.CanonicalMIMEHeaderKey(name)] = values
	}
	for name, value := range e.Headers {
		if name = textproto.CanonicalMIMEHeaderKey(name); len(h[name]) == 0 { // 1.0 repeats the last value
			h.Set(name, value)
		}
	}
	if h.Get("X-Request-Id") == "" {
		h.Set("X-Request-Id", strings.TrimRight(e.RequestContext.RequestID, "="))
	}
}

// query returns the parameters of format 1.0, which are decoded.
func (e *event) query() url.Values {
	q := url.Values{}
	for name, values := range e.MultiQuery {
		q[name] = values
	}
	for name, value := range e.Query {
		if len(q[name]) == 0 {
			q.Set(name, value)
		}
	}
	return q
}

// FrontDoor is the path that the front door's routes begin with.
const FrontDoor = "/v1/ingestion"

// below cuts the part of a path before the front door's own: the stage, and a domain
// mapping's path. Which of them is there depends on API, domain and mapping, and the event
// does not tell. A path that is not below the front door is unchanged.
//
// REST APIs pass the path as it was sent. HTTP APIs decode it, in rawPath too. A path that
// can't be encoded is treated as decoded.
func below(path string, encoded bool) (before string, u *url.URL) {
	if at := strings.Index(path+"/", FrontDoor+"/"); at > 0 {
		before, path = path[:at], path[at:]
	}
	if encoded {
		if plain, err := url.PathUnescape(path); err == nil {
			return before, &url.URL{Path: plain, RawPath: path}
		}
	}
	return before, &url.URL{Path: path}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }
