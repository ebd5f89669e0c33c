package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/blobstore/loglimit"
	"github.com/fhirdock/fhirdock/queue/panics"
)

// Access is one answered request. Nothing in it was made up by a client: a method or a
// path that is not known is "other", and there is no query.
type Access struct {
	Method string
	Route  string // with a placeholder for what varies, such as /v1/ingestion/jobs/{jobId}
	Status int
	Bytes  int64 // of the answer's body
	// Duration from the request's headers to the end of the answer.
	Duration time.Duration
}

// AccessLogOptions; nil, and zero fields, mean the defaults.
type AccessLogOptions struct {
	// Route names the routes that the program adds to the front door's, by path: for
	// signed uploads below /v1/objects, for example, "/v1/objects/{key}". It returns ""
	// for a path that it does not know, whose name is then "other". The name goes into
	// logs and metrics, so it must not contain what a client chose. Default: none.
	Route func(path string) string
	// Observe is called after each request, for metrics; it must be quick. Default: none.
	Observe func(Access)
	// Logger gets one line a request. It is at INFO, but at DEBUG for /healthz, /readyz
	// and /metrics. Of requests that are refused, which anyone can send, it gets
	// [loglimit.PerMinute] lines a minute, and the others at DEBUG. Default
	// slog.Default().
	Logger *slog.Logger
}

// AccessLog returns a handler that logs the requests to all of a program's routes, those
// that [signedurl] serves included, and passes them on. Requests to the front door get
// their line from [New]'s handler, which knows more of them, and no second one. A line has
// no path, query, header or body: nothing of a URL's signature, of a token or of a payload.
// A handler that panics is logged by the type of the panic's value, and answered with 500.
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

// logged is in the context of each request. The front door sets it.
type logged struct{ done bool }

type loggedKey struct{}

// noteLogged has an AccessLog around the front door log no line of its own.
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
			} else { // net/http would log its value, which may be anything
				l.opts.Logger.ErrorContext(r.Context(), "request panicked", "route", route, "type", fmt.Sprintf("%T", p), "stack", panics.Stack())
				if rec.status != 0 {
					defer panic(http.ErrAbortHandler) // it is too late to say so
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
			l.log(r.Context(), a)
		}
	}()
	l.next.ServeHTTP(rec, r)
}

func (l *accessLog) log(ctx context.Context, a Access) {
	attrs := []slog.Attr{
		slog.String("method", a.Method), slog.String("route", a.Route), slog.Int("status", a.Status),
		slog.Int64("bytes", a.Bytes), slog.Duration("took", a.Duration),
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

// route names the route of a path.
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
