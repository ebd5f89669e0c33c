package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/internal/loglimit"
	"github.com/fhirdock/fhirdock/internal/panics"
	"github.com/fhirdock/fhirdock/internal/requestid"
)

// Access is one answered request. None of its text comes from a client: an unknown method
// or path is "other", and there is no query.
type Access struct {
	Method string
	Route  string // with placeholders, such as /v1/ingestion/jobs/{jobId}
	Status int
	Bytes  int64 // of the response body
	// Duration from the request's headers to the end of the response.
	Duration time.Duration
}

// AccessLogOptions are the options of [AccessLog]; nil, and zero fields, mean the defaults.
type AccessLogOptions struct {
	// Route returns the name of the route for a path that the program adds to those of
	// [New]: for signed uploads below /v1/objects, for example, "/v1/objects/{key}". It
	// returns "" for an unknown path, which is then named "other". The name goes into logs
	// and metrics, so it must not contain a client's text. Default: none.
	Route func(path string) string
	// Observe is called after each request, for metrics; it must be quick. Default: none.
	Observe func(Access)
	// Logger gets one line per request, at INFO, or at DEBUG for /healthz, /readyz and
	// /metrics. Anyone can cause refused requests, so it gets at most [loglimit.PerMinute]
	// lines a minute of them; further ones are at DEBUG. Default slog.Default().
	Logger *slog.Logger
}

// AccessLog returns a handler that logs the requests to all of a program's routes,
// including those of [signedurl], and passes them on. [New]'s handler knows more about its
// requests and logs them itself, so they get no second line. A line has the X-Request-Id of
// the response, if there is one, and for an upload the job in its path; see
// [blobstore.JobOf]. It has nothing else of the path, query, header or body: nothing of a
// URL's signature, of a token or of a payload. If a handler panics, the type of the panic's
// value is logged and the answer is a 500.
//
// [signedurl]: https://pkg.go.dev/github.com/fhirdock/fhirdock/blobstore/signedurl
func AccessLog(next http.Handler, opts *AccessLogOptions) http.Handler {
	l := &accessLog{next: next}
	if opts != nil {
		l.opts = *opts
	}
	if l.opts.Logger == nil {
		l.opts.Logger = slog.Default()
	}
	return l
}

type accessLog struct {
	next    http.Handler
	opts    AccessLogOptions
	refused loglimit.Lines
}

// logged is in the context of each request. The handler of [New] sets it.
type logged struct{ done bool }

type loggedKey struct{}

// noteLogged keeps an AccessLog around the handler from logging the request again.
func noteLogged(ctx context.Context) {
	if l, ok := ctx.Value(loggedKey{}).(*logged); ok {
		l.done = true
	}
}

func (l *accessLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began, by := time.Now(), &logged{}
	r = r.WithContext(context.WithValue(r.Context(), loggedKey{}, by))
	rec := &recorder{ResponseWriter: w}
	route := l.route(r.URL.Path)
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				defer panic(p)
			} else { // net/http would log its value, which may contain a payload
				l.opts.Logger.ErrorContext(r.Context(), "request panicked", "route", route, "type", fmt.Sprintf("%T", p), "stack", panics.Stack())
				if rec.status != 0 {
					defer panic(http.ErrAbortHandler) // too late for a 500
				} else {
					writeStatus(rec, http.StatusInternalServerError, map[string]any{"error": "Internal server error"})
				}
			}
		}
		if rec.status == 0 {
			rec.status = http.StatusOK
		}
		a := Access{Method: method(r.Method), Route: route, Status: rec.status, Bytes: rec.bytes, Duration: time.Since(began)}
		if l.opts.Observe != nil {
			l.opts.Observe(a)
		}
		if !by.done {
			l.log(r, a, rec.Header().Get(requestid.Header))
		}
	}()
	l.next.ServeHTTP(rec, r)
}

func (l *accessLog) log(r *http.Request, a Access, id string) {
	ctx := r.Context()
	attrs := []slog.Attr{
		slog.String("method", a.Method), slog.String("route", a.Route), slog.Int("status", a.Status),
		slog.Int64("bytes", a.Bytes), slog.Duration("took", a.Duration),
	}
	if requestid.Valid(id) {
		attrs = append(attrs, slog.String("request", id))
	}
	if job := blobstore.JobOf(r.URL.Path); job != "" && a.Method == http.MethodPut {
		attrs = append(attrs, slog.String("job", job))
	}
	switch {
	case a.Route == LivePath || a.Route == ReadyPath || a.Route == MetricsPath:
		l.opts.Logger.LogAttrs(ctx, slog.LevelDebug, "request", attrs...)
	case a.Status >= 400 || a.Method == http.MethodOptions:
		l.refused.Log(ctx, l.opts.Logger, slog.LevelInfo, "request", attrs...)
	default:
		l.opts.Logger.LogAttrs(ctx, slog.LevelInfo, "request", attrs...)
	}
}

// route returns the name of a path's route.
func (l *accessLog) route(path string) string {
	switch path {
	case LivePath, ReadyPath, MetricsPath, prefix + bundleRoute, prefix + "/upload-url", prefix + "/jobs", prefix + "/jobs/redrive":
		return path
	}
	if rest, ok := strings.CutPrefix(path, prefix+"/jobs/"); ok {
		switch _, verb, _ := strings.Cut(rest, "/"); verb {
		case "":
			return prefix + "/jobs/{jobId}"
		case "redrive", "outcomes":
			return prefix + "/jobs/{jobId}/" + verb
		}
	}
	if l.opts.Route != nil {
		if name := l.opts.Route(path); name != "" {
			return name
		}
	}
	return "other"
}
