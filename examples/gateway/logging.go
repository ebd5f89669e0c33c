package main

import (
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/fhirdock/fhirdock/examples/internal/logtext"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
)

func newLogger(c *config, w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.logLevel, ReplaceAttr: logtext.Errors}
	if c.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// route returns the name of the gateway's own routes, for logs and metrics.
func route(path string) string {
	switch {
	case path == notificationsPath:
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
