package main

import (
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/fhirdock/fhirdock/examples/internal/backends"
	"github.com/fhirdock/fhirdock/examples/internal/logtext"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
)

func newLogger(c *config, w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.logLevel, ReplaceAttr: logtext.Errors}
	if c.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// route names the gateway's own routes, for logs and metrics.
func route(path string) string {
	switch {
	case path == notificationsPath:
		return path
	case strings.HasPrefix(path, backends.ObjectsPath+"/"):
		return backends.ObjectsPath + "/{key}"
	}
	return ""
}

// observed logs and counts each request. While the process drains, each answer is the
// last on its connection.
func observed(next http.Handler, log *slog.Logger, m *metrics, ops *httpapi.Health, conns *connections) http.Handler {
	logged := httpapi.AccessLog(next, &httpapi.AccessLogOptions{Route: route, Observe: m.ObserveRequest, Logger: log})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cw := &closingWriter{ResponseWriter: w, last: ops.Draining}
		defer func() {
			if cw.Header().Get("Connection") == "close" {
				conns.answered(r.Context())
			}
		}()
		logged.ServeHTTP(cw, r)
	})
}

// closingWriter closes the connection after its answer, if that is to be the last one.
type closingWriter struct {
	http.ResponseWriter
	last  func() bool
	wrote bool
}

func (w *closingWriter) WriteHeader(status int) {
	if !w.wrote && status >= 200 {
		w.wrote = true
		if w.last() {
			w.Header().Set("Connection", "close")
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *closingWriter) Write(p []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *closingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
