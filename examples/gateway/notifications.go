package main

import (
	"log/slog"
	"net/http"

	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/ingest"
)

// notificationsPath is where the object store tells of uploads.
const notificationsPath = "/v1/notifications"

// notifications takes what an object store tells over HTTP. Without a secret there
// is no such handler.
func notifications(service *ingest.Service, secrets []string, log *slog.Logger) (http.Handler, error) {
	if len(secrets) == 0 {
		return http.HandlerFunc(notFound), nil
	}
	return notify.NewHandler(service.ObjectCreated, &notify.HandlerOptions{
		Secrets: secrets, Query: "token", OnIgnored: service.ObjectsIgnored, Logger: log,
	})
}
