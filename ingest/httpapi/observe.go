package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/budget"
	"github.com/fhirdock/fhirdock/internal/panics"
	"github.com/fhirdock/fhirdock/internal/requestid"
)

type requestIDKey struct{}

// requestID returns the id of a request in its response and in the log.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// observed gives each request an id, writes the access log, and answers 500 if a handler
// panics.
func (h *api) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		noteLogged(r.Context())
		id := requestid.Of(r)
		r = r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id))
		header := w.Header()
		header.Set(requestid.Header, id)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		rec := &recorder{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				// The value of a panic may contain a payload.
				h.opts.Logger.ErrorContext(r.Context(), "request panicked", "request", id,
					"type", fmt.Sprintf("%T", p), "stack", panics.Stack())
				if rec.status == 0 {
					h.fail(rec, r, errInternal)
				}
			}
			attrs := []slog.Attr{
				slog.String("method", method(r.Method)), slog.String("route", rec.route), slog.Int("status", rec.status),
				slog.Int64("bytes", rec.bytes), slog.Duration("took", time.Since(began)), slog.String("request", id),
			}
			if rec.organization != "" {
				attrs = append(attrs, slog.String("organization", rec.organization))
			}
			if rec.job != "" {
				attrs = append(attrs, slog.String("job", rec.job))
			}
			if rec.code != "" {
				attrs = append(attrs, slog.String("code", rec.code), slog.String("reason", rec.reason))
			}
			if !rec.known {
				h.strangers.Log(r.Context(), h.opts.Logger, slog.LevelInfo, "request", attrs...)
				return
			}
			h.opts.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs...)
		}()
		next.ServeHTTP(rec, r)
	})
}

// method keeps invented methods out of the log.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// recorder records a response.
type recorder struct {
	http.ResponseWriter
	route  string
	job    string // created or changed by the request
	status int
	bytes  int64

	code, reason string // of a refused request
	known        bool   // the sender is authenticated
	organization string // the sender's

	place *budget.Place // held by the request; nil before it has one
}

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= 200 { // not an interim response
		rec.status = status
		rec.place.Leave() // the client may read slowly
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(p []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
		rec.place.Leave()
	}
	n, err := rec.ResponseWriter.Write(p)
	rec.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

func noteRoute(w http.ResponseWriter, pattern string) {
	if rec, ok := w.(*recorder); ok {
		rec.route = pattern
	}
}

// notePlace gives a request another place in the budget, and releases the previous one.
func notePlace(w http.ResponseWriter, place *budget.Place) {
	if rec, ok := w.(*recorder); ok {
		rec.place.Release()
		rec.place = place
	}
}

// noteCaller marks a request as authenticated, and adds its organization to its log line.
func noteCaller(w http.ResponseWriter, who ingest.Caller) {
	if rec, ok := w.(*recorder); ok {
		rec.known = true
		if blobstore.ValidOrganization(who.OrganizationID) { // an Authenticator may return anything
			rec.organization = who.OrganizationID
		}
	}
}

// placeOf returns the request's place in the budget; nil if it has none.
func placeOf(w http.ResponseWriter) *budget.Place {
	if rec, ok := w.(*recorder); ok {
		return rec.place
	}
	return nil
}

// noteRefusal adds the reason of a refusal to the request's log line.
func noteRefusal(w http.ResponseWriter, e *httpError) {
	if rec, ok := w.(*recorder); ok {
		rec.code, rec.reason = refusal(e)
	}
}

// noteJob adds a job to the request's log line. The job must exist, so that a client can't
// put its own text into the log.
func noteJob(w http.ResponseWriter, id string) {
	if rec, ok := w.(*recorder); ok {
		rec.job = id
	}
}
