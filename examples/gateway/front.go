package main

import (
	"log/slog"
	"net/http"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/httpbody"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/budget"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
)

// bodies returns the limits of request bodies.
func (c *config) bodies() httpbody.Limits {
	return httpbody.Limits{Stall: c.bodyStall, MinRate: c.bodyMinRate, Timeout: c.bodyTimeout}
}

// mount registers the front door, notifications and signed URLs that the role has, and
// returns the handler of all other requests.
func (c *config) mount(mux *http.ServeMux, back *backends.Backends, service *ingest.Service, runner *ingest.Runner, ops *httpapi.Health, m *metrics, log *slog.Logger) (http.Handler, error) {
	if !c.serves() {
		mux.HandleFunc("/", notFound)
		return http.HandlerFunc(notFound), nil
	}
	shared, disk, err := c.budgets.open(back, c.localJobs(), runner, m)
	if err != nil {
		return nil, err
	}
	if disk != nil {
		ops.RequireDisk(disk)
	}
	front, err := httpapi.New(service, c.tokens, &httpapi.Options{
		Logger: log, Body: c.bodies(), BaseURL: c.publicURL, Webhooks: c.webhooks,
		SpoolFolder: c.spool, MaxUnverifiedBytes: c.maxUnverified, Budget: shared,
	})
	if err != nil {
		return nil, err
	}
	mux.Handle("/", front)
	created, err := notifications(service, c.notifySecrets, log)
	if err != nil {
		return nil, err
	}
	mux.Handle(notificationsPath, created)
	if back.Signer == nil {
		return front, nil
	}
	objects, err := signedurl.NewHandler(back.Store.Bucket(), back.Signer, &signedurl.HandlerOptions{
		Logger: log, OnCreated: service.ObjectCreated, Body: c.bodies(),
		Admit: func(key string, bytes int64) (signedurl.Place, error) {
			return shared.Admit(budget.Request{Organization: blobstore.OrganizationOf(c.prefix, key), Put: true, Bytes: bytes})
		},
	})
	if err != nil {
		return nil, err
	}
	mux.Handle(backends.ObjectsPath, front) // or the mux would redirect it to the next route
	mux.Handle(backends.ObjectsPath+"/", objects)
	return front, nil
}
