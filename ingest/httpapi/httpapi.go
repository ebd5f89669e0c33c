package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/fhirdock/fhirdock/blobstore/httpbody"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/budget"
	"github.com/fhirdock/fhirdock/internal/loglimit"
)

// Options are the options of [New]; nil, and zero fields, mean the defaults.
type Options struct {
	// Logger gets one line per request, without query, tenant or payload, and with the job
	// that the request created or changed. Of unauthenticated requests, and of requests
	// that a back end fails, it gets at most [loglimit.PerMinute] lines a minute; further
	// ones are at DEBUG. Default slog.Default().
	Logger *slog.Logger
	// BaseURL is where clients reach the handler, without /v1/ingestion: an absolute URL,
	// or only its path. Content-Location, Link and the instructions of an upload begin
	// with all of it, Location with its path. Default: none; then all of them are paths.
	// Host and forwarding headers are never used, since clients choose them.
	BaseURL *url.URL
	// Body bounds how long a client may take to send a body and to read the response.
	// Bodies that exceed a limit get 408. Default: those of [httpbody.Limits].
	Body httpbody.Limits
	// Webhooks are senders that sign their Bundles, in addition to those known to the
	// Authenticator: if a POST of a Bundle has a webhook-signature, that alone identifies
	// its sender. Default: none.
	Webhooks *auth.Webhooks
	// SpoolFolder is where bodies of webhooks above 64 KiB are kept until their signature
	// has been verified, and then read from. Only this user can read the files, and they
	// are removed with their request. Default: os.TempDir.
	SpoolFolder string
	// MaxUnverifiedBytes bounds the bodies of all webhooks that are spooled at a time;
	// three quarters of it are for those in files. A request over it gets a 503 with
	// Retry-After. At least 4/3 of the Service's MaxBodyBytes. Default: 4 times the
	// Service's MaxBodyBytes, which is 256 MiB by default.
	MaxUnverifiedBytes int64
	// Budget bounds what requests use at a time, in total and for each organization. A
	// request over it is refused before its body is read: with 429 if its organization is
	// over its share, with 503 if the process is. Several handlers may share a Budget.
	// Default: a new one with the defaults of [budget.Options].
	Budget *budget.Budget
}

const (
	prefix      = "/v1/ingestion"
	bundleRoute = "/fhir/Bundle"
)

// api is the handler of all routes.
type api struct {
	svc    *ingest.Service
	auth   auth.Authenticator
	opts   Options
	spools *spools // nil without Options.Webhooks
	routes []route
	base   string // Options.BaseURL without a trailing slash: a URL, a path, or empty
	mount  string // the path of base

	strangers, failures loglimit.Lines
}

// route is a path pattern, in which {} stands for one segment, and its methods.
type route struct {
	pattern string // as in the log
	parts   []string
	params  []string // allowed in the query
	methods map[string]endpoint
}

// endpoint answers a request of an authenticated caller. id is the segment that the pattern
// leaves open. An error that it returns is sent as the response.
type endpoint func(w http.ResponseWriter, r *http.Request, who ingest.Caller, id string) error

// New returns the handler of all routes below /v1/ingestion. Other paths get a 404 as JSON.
// It is safe for concurrent use. New fails if the Service or the Authenticator is nil, or if
// an option is invalid.
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
	if err := h.setBase(h.opts.BaseURL); err != nil {
		return nil, err
	}
	if h.opts.MaxUnverifiedBytes < 0 {
		return nil, errors.New("httpapi: Options.MaxUnverifiedBytes must not be negative")
	}
	if h.opts.Webhooks != nil {
		var err error
		if h.spools, err = newSpools(h.opts.SpoolFolder, s.MaxBodyBytes(), h.opts.MaxUnverifiedBytes); err != nil {
			return nil, err
		}
	}
	if h.opts.Budget == nil {
		var err error
		if h.opts.Budget, err = budget.New(nil); err != nil {
			return nil, err
		}
	}
	// FHIR clients may send _format and _pretty with any request (R4 http.html#parameters).
	h.handle(bundleRoute, []string{"endpoint", "_format", "_pretty"}, map[string]endpoint{http.MethodPost: h.postBundle})
	h.handle("/upload-url", nil, map[string]endpoint{http.MethodPost: h.postUploadURL})
	h.handle("/jobs", []string{"status", "code", "limit", "cursor"}, map[string]endpoint{http.MethodGet: working(h.listJobs)})
	h.handle("/jobs/redrive", []string{"status", "code", "after", "before", "limit", "cursor"},
		map[string]endpoint{http.MethodPost: working(h.redriveAll)}) // before /jobs/{jobId}
	h.handle("/jobs/{jobId}", nil, map[string]endpoint{http.MethodGet: working(h.getJob), http.MethodDelete: working(h.cancelJob)})
	h.handle("/jobs/{jobId}/redrive", nil, map[string]endpoint{http.MethodPost: working(h.redriveJob)})
	h.handle("/jobs/{jobId}/outcomes", nil, map[string]endpoint{http.MethodGet: working(h.getOutcomes)})
	bounded, err := httpbody.NewHandler(h.observed(http.HandlerFunc(h.serve)), h.opts.Body)
	if err != nil {
		return nil, fmt.Errorf("httpapi: Options.Body: %w", err)
	}
	return bounded, nil
}

func (h *api) handle(pattern string, params []string, methods map[string]endpoint) {
	if get, ok := methods[http.MethodGet]; ok {
		methods[http.MethodHead] = get // net/http discards the body
	}
	pattern = prefix + pattern
	h.routes = append(h.routes, route{pattern, strings.Split(pattern, "/"), params, methods})
}

// match finds the route of the escaped path: net/http's mux would decode %2F and "..",
// redirect, and answer in plain text.
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
	// Authenticate before reading any of the body.
	webhook := h.opts.Webhooks != nil && rt.pattern == prefix+bundleRoute && auth.IsWebhook(r)
	unknown, err := h.opts.Budget.Admit(budget.Request{Webhook: webhook})
	if err != nil {
		h.fail(w, r, err)
		return
	}
	defer func() { placeOf(w).Release() }()
	notePlace(w, unknown)
	if webhook {
		if err := h.postWebhook(w, r, rt); err != nil {
			h.fail(w, r, err)
		}
		return
	}
	who, err := h.auth.Authenticate(r)
	if err != nil {
		h.fail(w, r, h.authError(err))
		return
	}
	noteCaller(w, who)
	if err := h.admit(w, r, rt, who); err != nil {
		h.fail(w, r, err)
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
