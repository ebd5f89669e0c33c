package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
)

// newAPI is the front door, called with the proxy events of API Gateway. Who is calling
// is what the authorizer in front of it says, and nothing else: without an authorizer
// every request is answered with 401.
func newAPI(p *pipeline) (function, error) {
	gateway, err := auth.NewAPIGateway(&p.settings.claims)
	if err != nil {
		return nil, err
	}
	// Where the public URL is not given it is that of each request, and so are the
	// handlers: they are small.
	front := func(base *url.URL) (http.Handler, error) {
		return httpapi.New(p.service, gateway, &httpapi.Options{Logger: p.log, BaseURL: base})
	}
	return adapter{front: front, publicURL: p.settings.publicURL}.invoke, nil
}

// adapter makes a request of an event of API Gateway, and the answer that it takes of
// what a handler answers.
//
// It is our own because github.com/awslabs/aws-lambda-go-api-proxy is archived.
type adapter struct {
	front     func(base *url.URL) (http.Handler, error)
	publicURL *url.URL
}

func (a adapter) invoke(ctx context.Context, raw []byte) ([]byte, error) {
	var e event
	if json.Unmarshal(raw, &e) != nil { // the error may quote the event
		return nil, errNoEvent
	}
	r, base, err := e.request(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case a.publicURL != nil:
		base = a.publicURL
	case base.Host == "": // links are paths
		base.Scheme = ""
	}
	front, err := a.front(base)
	if err != nil {
		return nil, err
	}
	w := &answer{header: http.Header{}}
	front.ServeHTTP(w, r)
	return w.encode(e.isV2(), r.Method == http.MethodHead)
}

var errNoEvent = errors.New("not a proxy event of API Gateway, of payload format 1.0 or 2.0")
