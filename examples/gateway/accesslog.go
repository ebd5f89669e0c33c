package main

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/fhirdock/fhirdock/examples/internal/gatewayflags"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
)

// route returns the name of the gateway's own routes, for logs and metrics.
func route(path string) string {
	switch {
	case path == gatewayflags.NotificationsPath:
		return path
	case strings.HasPrefix(path, backends.ObjectsPath+"/"):
		return backends.ObjectsPath + "/{key}"
	}
	return ""
}

// observed logs and counts each request.
func observed(next http.Handler, log *slog.Logger, m *metrics) http.Handler {
	return httpapi.AccessLog(next, &httpapi.AccessLogOptions{Route: route, Observe: m.ObserveRequest, Logger: log})
}
