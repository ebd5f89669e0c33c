package main

import (
	"log/slog"
	"net/http"

	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/ingest"
)

// notifications returns the handler of an object store's HTTP notifications. Without
// secrets it answers 404.
func notifications(service *ingest.Service, secrets []string, log *slog.Logger) (http.Handler, error) {
	if len(secrets) == 0 {
		return http.HandlerFunc(notFound), nil
	}
	return notify.NewHandler(service.ObjectCreated, &notify.HandlerOptions{
		Secrets: secrets, Query: "token", OnIgnored: service.ObjectsIgnored, Logger: log,
	})
}
