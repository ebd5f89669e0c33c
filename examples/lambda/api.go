package main

import (
	"net/http"
	"net/url"

	"github.com/fhirdock/fhirdock/examples/internal/apigateway"
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
	return apigateway.Adapter{Front: front, PublicURL: p.settings.publicURL}.Invoke, nil
}
