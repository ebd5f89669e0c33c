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

// newAPI returns the front door as a function for API Gateway's proxy events. It trusts
// only the caller that API Gateway's authorizer names: without an authorizer every request
// gets 401.
func newAPI(p *pipeline) (function, error) {
	gateway, err := auth.NewAPIGateway(&p.settings.claims)
	if err != nil {
		return nil, err
	}
	// Without a public URL each request has its own, and its own handler: they are small.
	front := func(base *url.URL) (http.Handler, error) {
		return httpapi.New(p.service, gateway, &httpapi.Options{Logger: p.log, BaseURL: base})
	}
	return adapter{front: front, publicURL: p.settings.publicURL}.invoke, nil
}

// adapter converts an API Gateway event to a request, and the response back.
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
