package httpapi

import (
	"errors"
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
	// BaseURL is where clients reach the front door, without /v1/ingestion: an
	// absolute URL, or only the path of one. Content-Location, Link and the
	// instructions of an upload begin with all of it, Location with its path.
	// Default: none; then all of them are paths. Neither Host nor a forwarding
	// header is ever used, since a client chooses them.
	BaseURL *url.URL
	// BodyIdleTimeout ends a request whose body stalls for this long. Default 30
	// seconds.
	BodyIdleTimeout time.Duration
	// Webhooks are senders of Bundles that sign them, beside those whom the
	// Authenticator knows: where a POST of a Bundle has a webhook-signature, that
	// alone decides who sent it. Default: none.
	Webhooks *auth.Webhooks
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
	base   string // where clients reach the front door: a URL, a path, or empty
	mount  string // the path of base
}

// route is a path pattern, in which {} stands for one part, and its methods.
type route struct {
	pattern string // as the log names it
	parts   []string
	params  []string // of the query
	methods map[string]endpoint
}

// endpoint answers a request of an authenticated caller. id is the part of the
// path that the pattern leaves open. What it returns is answered as an error.
type endpoint func(w http.ResponseWriter, r *http.Request, who ingest.Caller, id string) error

// New returns the handler of all routes below /v1/ingestion. Other paths get a
// 404 as JSON. It is safe for concurrent use. It is an error if the Service or the
// Authenticator is nil, or an option can't work.
func New(s *ingest.Service, a auth.Authenticator, opts *Options) (http.Handler, error) {
	switch {
	case s == nil:
		return nil, errors.New("httpapi: the Service is missing")
	case a == nil:
		return nil, errors.New("httpapi: the Authenticator is missing")
	}
	h := &api{svc: s, auth: a}
	if opts != nil {
		h.opts = *opts
	}
	if h.opts.Logger == nil {
		h.opts.Logger = slog.Default()
	}
	switch idle := &h.opts.BodyIdleTimeout; {
	case *idle < 0:
		return nil, errors.New("httpapi: Options.BodyIdleTimeout must not be negative")
	case *idle == 0:
		*idle = 30 * time.Second
	}
	if err := h.setBase(h.opts.BaseURL); err != nil {
		return nil, err
	}
	// FHIR's clients send _format and _pretty with everything (R4 http.html#parameters).
	h.handle(bundleRoute, []string{"endpoint", "_format", "_pretty"}, map[string]endpoint{http.MethodPost: h.postBundle})
	h.handle("/upload-url", nil, map[string]endpoint{http.MethodPost: h.postUploadURL})
	h.handle("/jobs", []string{"status", "code", "limit", "cursor"}, map[string]endpoint{http.MethodGet: h.listJobs})
	h.handle("/jobs/redrive", []string{"status", "code", "after", "before", "limit", "cursor"},
		map[string]endpoint{http.MethodPost: h.redriveAll}) // before what has a place for an id
	h.handle("/jobs/{jobId}", nil, map[string]endpoint{http.MethodGet: h.getJob, http.MethodDelete: h.cancelJob})
	h.handle("/jobs/{jobId}/redrive", nil, map[string]endpoint{http.MethodPost: h.redriveJob})
	h.handle("/jobs/{jobId}/outcomes", nil, map[string]endpoint{http.MethodGet: h.getOutcomes})
	return h.observed(http.HandlerFunc(h.serve)), nil
}

func (h *api) handle(pattern string, params []string, methods map[string]endpoint) {
	if get, ok := methods[http.MethodGet]; ok {
		methods[http.MethodHead] = get // net/http sends no body for it
	}
	pattern = prefix + pattern
	h.routes = append(h.routes, route{pattern, strings.Split(pattern, "/"), params, methods})
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
		if err := h.postWebhook(w, r, rt); err != nil {
			h.fail(w, r, err)
		}
		return
	}
	// Authenticate before anything else: nothing of the body is read for a stranger.
	who, err := h.auth.Authenticate(r)
	if err != nil {
		h.fail(w, r, h.authError(err))
		return
	}
	if err := rt.checkQuery(r); err != nil {
		h.fail(w, r, err)
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
