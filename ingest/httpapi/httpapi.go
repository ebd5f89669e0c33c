package httpapi

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
)

// Options; nil, and zero fields, mean the defaults.
type Options struct {
	// Logger gets one line a request, without query, tenant or payload; with the
	// job where the request made or changed one.
	// Default slog.Default().
	Logger *slog.Logger
	// BaseURL under which clients reach the front door, for absolute URLs in
	// answers. Default: what the request says (Host, and https if it came by
	// TLS; no forwarding header is believed).
	BaseURL *url.URL
	// BodyIdleTimeout ends a body of which no byte came for so long. Default
	// 30 seconds.
	BodyIdleTimeout time.Duration
	// Webhooks are senders of Bundles that sign them, beside those whom the
	// Authenticator knows: where a POST of a Bundle has a webhook-signature, that
	// alone decides who sent it. Default: none.
	Webhooks *auth.Webhooks
	// S3 adds s3Bucket and s3Key to upload tickets.
	S3 bool
}

const (
	prefix      = "/v1/ingestion"
	bundleRoute = "/fhir/Bundle"
)

// api is the front door.
type api struct {
	svc    *ingest.Service
	auth   auth.Authenticator
	opts   Options
	routes []route
}

// route is a path pattern, in which {} stands for one part, and its methods.
type route struct {
	pattern string // as the log names it
	parts   []string
	methods map[string]endpoint
}

// endpoint answers a request of an authenticated caller. id is the part of the
// path that the pattern leaves open. What it returns is answered as an error.
type endpoint func(w http.ResponseWriter, r *http.Request, who ingest.Caller, id string) error

// New returns the handler of all routes below /v1/ingestion. Other paths get a
// 404 as JSON. It is safe for concurrent use. It panics without a Service or an
// Authenticator, as [http.Handle] does without a handler.
func New(s *ingest.Service, a auth.Authenticator, opts *Options) http.Handler {
	if s == nil || a == nil {
		panic("httpapi: New needs a Service and an Authenticator")
	}
	h := &api{svc: s, auth: a}
	if opts != nil {
		h.opts = *opts
	}
	if h.opts.Logger == nil {
		h.opts.Logger = slog.Default()
	}
	if h.opts.BodyIdleTimeout <= 0 {
		h.opts.BodyIdleTimeout = 30 * time.Second
	}
	h.handle(bundleRoute, map[string]endpoint{http.MethodPost: h.postBundle})
	h.handle("/upload-url", map[string]endpoint{http.MethodPost: h.postUploadURL})
	h.handle("/jobs", map[string]endpoint{http.MethodGet: h.listJobs})
	h.handle("/jobs/redrive", map[string]endpoint{http.MethodPost: h.redriveAll}) // before what has a place for an id
	h.handle("/jobs/{jobId}", map[string]endpoint{http.MethodGet: h.getJob, http.MethodDelete: h.cancelJob})
	h.handle("/jobs/{jobId}/redrive", map[string]endpoint{http.MethodPost: h.redriveJob})
	h.handle("/jobs/{jobId}/outcomes", map[string]endpoint{http.MethodGet: h.getOutcomes})
	return h.observed(http.HandlerFunc(h.serve))
}

func (h *api) handle(pattern string, methods map[string]endpoint) {
	if get, ok := methods[http.MethodGet]; ok {
		methods[http.MethodHead] = get // net/http sends no body for it
	}
	pattern = prefix + pattern
	h.routes = append(h.routes, route{pattern, strings.Split(pattern, "/"), methods})
}

// match finds the route of a path as it was sent: net/http's mux would decode
// %2F and "..", redirect, and answer in plain text.
func (h *api) match(r *http.Request) (*route, string) {
	parts := strings.Split(r.URL.EscapedPath(), "/")
next:
	for i := range h.routes {
		rt := &h.routes[i]
		if len(parts) != len(rt.parts) {
			continue
		}
		id := ""
		for k, want := range rt.parts {
			switch {
			case strings.HasPrefix(want, "{") && parts[k] != "":
				id = parts[k]
			case want != parts[k]:
				continue next
			}
		}
		return rt, id
	}
	return nil, ""
}

func (h *api) serve(w http.ResponseWriter, r *http.Request) {
	rt, id := h.match(r)
	if rt == nil {
		h.fail(w, r, &httpError{status: http.StatusNotFound, message: "Not found"})
		return
	}
	noteRoute(w, rt.pattern)
	do, ok := rt.methods[r.Method]
	if !ok {
		w.Header().Set("Allow", rt.allow())
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.fail(w, r, &httpError{status: http.StatusMethodNotAllowed, message: "Method not allowed; allowed are " + rt.allow()})
		return
	}
	if h.opts.Webhooks != nil && rt.pattern == prefix+bundleRoute && auth.IsWebhook(r) {
		if err := h.postWebhook(w, r); err != nil {
			h.fail(w, r, err)
		}
		return
	}
	// Who is asking comes before all else: nothing of the body is read for a
	// stranger.
	who, err := h.auth.Authenticate(r)
	if err != nil {
		h.fail(w, r, authError(err))
		return
	}
	if err := do(w, r, who, id); err != nil {
		h.fail(w, r, err)
	}
}

func (rt *route) allow() string {
	var names []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
		if _, ok := rt.methods[m]; ok {
			names = append(names, m)
		}
	}
	return strings.Join(append(names, http.MethodOptions), ", ")
}

// absolute is a path below the front door as an absolute URL, or as it is where
// nobody said how clients reach it.
func (h *api) absolute(r *http.Request, path string) string {
	if h.opts.BaseURL != nil {
		return strings.TrimRight(h.opts.BaseURL.String(), "/") + path
	}
	if r.Host == "" { // HTTP/1.0
		return path
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + path
}

func jobPath(id string) string { return prefix + "/jobs/" + id }
