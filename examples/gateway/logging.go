package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/blobstore/loglimit"
	"github.com/fhirdock/fhirdock/examples/internal/logtext"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/queue/panics"
)

func newLogger(c *config, w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.logLevel, ReplaceAttr: logtext.Errors}
	if c.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// route names the route of a path, for logs and metrics. A path that the server
// does not know is never shown: whoever sent it may have put anything there.
// Nor is a query, since it holds the signature of upload URLs.
func route(path string) string {
	const base = "/v1/ingestion/"
	switch path {
	case base + "fhir/Bundle", base + "upload-url", base + "jobs", notificationsPath, "/healthz", "/readyz", "/metrics":
		return path
	}
	if rest, ok := strings.CutPrefix(path, base+"jobs/"); ok {
		switch _, verb, _ := strings.Cut(rest, "/"); verb {
		case "":
			return base + "jobs/{jobId}"
		case "redrive", "outcomes":
			return base + "jobs/{jobId}/" + verb
		}
	}
	if strings.HasPrefix(path, backends.ObjectsPath+"/") {
		return backends.ObjectsPath + "/{key}"
	}
	return "other"
}

// observed counts each request, and logs those that the front door does not log
// itself. While the process drains, each answer is the last on its connection.
func observed(next http.Handler, log *slog.Logger, m *metrics) http.Handler {
	var refused loglimit.Lines // requests, which anyone can send
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		sw := &statusWriter{ResponseWriter: w}
		name := route(r.URL.Path)
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					defer panic(p)
				} else { // net/http would log its value, which may be anything
					log.ErrorContext(r.Context(), "request panicked", "route", name, "type", fmt.Sprintf("%T", p), "stack", panics.Stack())
					if sw.status != 0 {
						defer panic(http.ErrAbortHandler) // it is too late to say so
					} else {
						answer(sw, http.StatusInternalServerError, "error", "Internal server error")
					}
				}
			}
			took := time.Since(began)
			m.request(r.Method, name, sw.code(), took)
			var level slog.Level
			switch name {
			case backends.ObjectsPath + "/{key}", notificationsPath:
				level = slog.LevelInfo
			case "/healthz", "/readyz", "/metrics":
				level = slog.LevelDebug
			default:
				return
			}
			attrs := []slog.Attr{
				slog.String("method", method(r.Method)), slog.String("route", name), slog.Int("status", sw.code()),
				slog.Int64("bytes", sw.bytes), slog.Duration("took", took),
			}
			if level == slog.LevelInfo && (sw.code() >= 400 || r.Method == http.MethodOptions) {
				refused.Log(r.Context(), log, level, "request", attrs...)
				return
			}
			log.LogAttrs(r.Context(), level, "request", attrs...)
		}()
		next.ServeHTTP(sw, r)
	})
}

// method keeps what a client made up out of logs and metrics.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// statusWriter remembers what was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
