package main

import (
	"log/slog"
	"net/http"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/examples/internal/gatewayflags"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/budget"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
)

// mount registers the front door, notifications and signed URLs that the role has, and
// returns the handler of all other requests.
func mount(mux *http.ServeMux, c *gatewayflags.Config, back *backends.Backends, service *ingest.Service, runner *ingest.Runner, ops *httpapi.Health, m *metrics, log *slog.Logger) (http.Handler, error) {
	if !c.Serves() {
		mux.HandleFunc("/", notFound)
		return http.HandlerFunc(notFound), nil
	}
	shared, disk, err := newBudget(c, back, runner, m)
	if err != nil {
		return nil, err
	}
	if disk != nil {
		ops.RequireDisk(disk)
	}
	front, err := httpapi.New(service, c.Tokens, &httpapi.Options{
		Logger: log, Body: c.Body, BaseURL: c.PublicURL, Webhooks: c.Webhooks,
		SpoolFolder: c.Spool, MaxUnverifiedBytes: c.MaxUnverified, Budget: shared,
	})
	if err != nil {
		return nil, err
	}
	mux.Handle("/", front)
	created, err := notifications(service, c.NotifySecrets, log)
	if err != nil {
		return nil, err
	}
	mux.Handle(gatewayflags.NotificationsPath, created)
	if back.Signer == nil {
		return front, nil
	}
	objects, err := signedurl.NewHandler(back.Store.Bucket(), back.Signer, &signedurl.HandlerOptions{
		Logger: log, OnCreated: service.ObjectCreated, Body: c.Body,
		Admit: func(key string, bytes int64) (signedurl.Place, error) {
			return shared.Admit(budget.Request{Organization: blobstore.OrganizationOf(c.Service.Prefix, key), Put: true, Bytes: bytes})
		},
	})
	if err != nil {
		return nil, err
	}
	mux.Handle(backends.ObjectsPath, front) // or the mux would redirect it to the next route
	mux.Handle(backends.ObjectsPath+"/", objects)
	return front, nil
}
