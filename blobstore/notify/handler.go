package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fhirdock/fhirdock/blobstore/httpbody"
	"github.com/fhirdock/fhirdock/internal/loglimit"
)

// HandlerOptions are the options of [NewHandler]. Secrets or Authenticate is required.
//
// A shared secret is sufficient, because notifications are only hints and objects are
// looked up. For that reason the signatures of SNS, which would need a certificate from the
// network, are not checked; put the secret into the endpoint's URL.
type HandlerOptions struct {
	// Secrets has the accepted secrets, each of at least 16 bytes. A request must have one
	// of them. Use several to rotate them.
	Secrets []string
	// Header is the header with the secret, as it is or after "Bearer ". S3-compatible
	// servers send it in Authorization; EventBridge and Event Grid can be configured.
	// Default: Authorization.
	Header string
	// Query is the URL parameter that may have the secret instead, for SNS and Event Grid's
	// handshake, which can't set a header. Proxies may log URLs, so use it only if you
	// must. Default: none.
	Query string
	// Authenticate checks a request without a secret, for example the OIDC token of a
	// Pub/Sub push. It must not read the body. If it returns an error, which is logged but
	// not sent, the request is refused. Default: none.
	Authenticate func(r *http.Request) error
	// Origins are the values of WebHook-Request-Origin that are accepted in CloudEvents'
	// handshake with OPTIONS. Default: eventgrid.azure.net.
	Origins []string
	// OnSubscription is called when SNS asks for the confirmation of a subscription. It
	// must compare the topic with the expected ones, and confirm by fetching the URL or
	// with SNS's API; to confirm nothing, return nil. After an error SNS asks again. It is
	// only called with URLs of SNS. Default: nothing is confirmed, and the requests count
	// as ignored.
	OnSubscription func(ctx context.Context, r SubscriptionRequest) error
	// OnIgnored is called with the number of ignored records, including [Junk] and
	// [TooLarge]. Default: none.
	OnIgnored func(reason Reason, n int)
	// Timeout bounds reading the body, and then calling created for its objects. The sender
	// repeats the notification if that was not complete. Default: 25 seconds, because Event
	// Grid waits for 30.
	Timeout time.Duration
	// Concurrency is how many objects of a request are passed to created concurrently.
	// Default: 8.
	Concurrency int
	// Logger gets log lines for operators, with nothing of a message. Of unauthenticated
	// requests it gets [loglimit.PerMinute] lines per minute, and others at DEBUG. Default:
	// slog.Default().
	Logger *slog.Logger
}

// minSecret is the shortest secret, in bytes.
const minSecret = 16

// NewHandler returns a handler that receives notifications in all formats of this package:
// Event Grid's webhooks with the handshakes of both schemas, Pub/Sub's push, SNS over HTTPS,
// webhooks of S3-compatible servers, EventBridge's API destinations. It calls created for
// each object, which must be safe for concurrent use. It is an error if created is nil, if
// there are neither secrets nor Authenticate, if a secret is too short, or if another
// option is invalid.
//
// # Answers
//
//	200  validation of an Event Grid subscription, with its code
//	204  created returned nil for each object; also for ignored records and messages that
//	     are not notifications, so that they are not sent again; and for HEAD, which
//	     S3-compatible servers use as a probe
//	400  the body ended early
//	401  no secret, and not authenticated
//	405  a method other than OPTIONS, HEAD and POST
//	408  the body was not complete within Timeout
//	413  more than MaxBody bytes or MaxRecords records: nothing was done, and a retry would
//	     not help. Event Grid sends it to the dead letters
//	503  created or OnSubscription failed, or Timeout ended before all objects were done, or
//	     the server is shutting down: send it again
//
// OPTIONS is answered with 204, and with consent for a known origin. It needs no secret,
// because "the handshake does not aim to establish an authentication or authorization
// context" (CloudEvents), and each delivery is authenticated. A callback offered in the
// handshake is never called. For the handshakes see
// https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema
// and https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection.
//
// The handler sets deadlines for the body and the answer like package httpbody. TLS and
// other limits are up to the server.
func NewHandler(created func(ctx context.Context, c ObjectCreated) error, opts *HandlerOptions) (http.Handler, error) {
	h := &handler{created: created}
	if opts != nil {
		h.opts = *opts
	}
	if created == nil {
		return nil, errors.New("notify: NewHandler needs a function to call for each object")
	}
	if err := h.opts.check(); err != nil {
		return nil, err
	}
	if h.opts.Header == "" {
		h.opts.Header = "Authorization"
	}
	if h.opts.Origins == nil {
		h.opts.Origins = []string{"eventgrid.azure.net"}
	}
	if h.opts.OnIgnored == nil {
		h.opts.OnIgnored = func(Reason, int) {}
	}
	if h.opts.Timeout == 0 {
		h.opts.Timeout = 25 * time.Second
	}
	if h.opts.Concurrency == 0 {
		h.opts.Concurrency = 8
	}
	if h.opts.Logger == nil {
		h.opts.Logger = slog.Default()
	}
	return httpbody.NewHandler(h, httpbody.Limits{Timeout: h.opts.Timeout, TimeoutRate: math.MaxInt64})
}

func (o *HandlerOptions) check() error {
	if len(o.Secrets) == 0 && o.Authenticate == nil {
		return errors.New("notify: HandlerOptions needs Secrets or Authenticate")
	}
	for _, secret := range o.Secrets {
		if len(secret) < minSecret {
			return errors.New("notify: each of HandlerOptions.Secrets must have at least 16 bytes")
		}
	}
	if strings.ContainsFunc(o.Header, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	}) {
		return errors.New("notify: HandlerOptions.Header must consist of letters, digits, - and _")
	}
	for _, origin := range o.Origins {
		if origin == "" {
			return errors.New("notify: HandlerOptions.Origins must not contain an empty string")
		}
	}
	if o.Timeout < 0 || o.Concurrency < 0 {
		return errors.New("notify: no field of HandlerOptions may be negative")
	}
	return nil
}

type handler struct {
	created func(context.Context, ObjectCreated) error
	opts    HandlerOptions
	refused loglimit.Lines
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	switch r.Method {
	case http.MethodOptions:
		h.consent(w, r)
		return
	case http.MethodPost, http.MethodHead:
	default:
		w.Header().Set("Allow", allowed)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if !h.authentic(r) {
		h.refused.Log(r.Context(), h.opts.Logger, slog.LevelInfo, "notification refused", slog.Int("status", http.StatusUnauthorized),
			slog.String("code", "no-secret"), slog.String("reason", "the request has none of the secrets"))
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	body, err := readBody(r)
	if err != nil {
		h.incomplete(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.opts.Timeout)
	defer cancel()
	h.message(ctx, w, body)
}

// maxDrained is how many bytes of a too large request are read and dropped, so that its
// sender gets an answer and not a reset.
const maxDrained = 64 << 20

// readBody reads a body. It returns at most MaxBody+1 bytes, which tooLong detects.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	if err == nil && len(body) > MaxBody {
		_, err = io.CopyN(io.Discard, r.Body, maxDrained)
		if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	return body, err
}

// incomplete answers a request whose body could not be read.
func (h *handler) incomplete(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusBadRequest
	switch {
	case errors.Is(err, httpbody.ErrTooSlow):
		status = http.StatusRequestTimeout
	case errors.Is(err, httpbody.ErrStopped):
		w.Header().Set("Retry-After", "5")
		status = http.StatusServiceUnavailable
	}
	h.opts.Logger.InfoContext(r.Context(), "notification refused", "status", status,
		"code", "body", "reason", "the body ended early or arrived too slowly")
	w.WriteHeader(status)
}

// message handles and answers a message.
func (h *handler) message(ctx context.Context, w http.ResponseWriter, body []byte) {
	if err := tooLong(body); err != nil {
		h.junk(ctx, w, err)
		return
	}
	m, err := read(body, nil, 0)
	if err != nil {
		h.junk(ctx, w, err)
		return
	}
	failed := h.look(ctx, m.Created)
	if m.subscribe != nil && h.opts.OnSubscription != nil {
		m.take(Subscription)
		if err := h.opts.OnSubscription(ctx, *m.subscribe); err != nil {
			h.opts.Logger.WarnContext(ctx, "subscription not confirmed; SNS will ask again", "error", err)
			failed = true
		}
	}
	if m.validationCode != "" {
		m.take(Subscription)
	}
	for reason, n := range m.Ignored {
		h.opts.Logger.DebugContext(ctx, "records of a notification ignored", "reason", string(reason), "records", n)
		h.opts.OnIgnored(reason, n)
	}
	switch {
	case failed:
		w.Header().Set("Retry-After", "5")
		w.WriteHeader(http.StatusServiceUnavailable)
	case m.validationCode != "":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"validationResponse": m.validationCode})
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// junk accepts and drops a message that can't be decoded, so that it is not sent again.
func (h *handler) junk(ctx context.Context, w http.ResponseWriter, err error) {
	h.opts.Logger.WarnContext(ctx, "message dropped", "error", err)
	reason := ReasonOf(err)
	h.opts.OnIgnored(reason, 1)
	if reason == TooLarge {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// look calls created for all objects, even if some fail, until ctx ends. It reports whether
// any failed.
func (h *handler) look(ctx context.Context, objects []ObjectCreated) (failed bool) {
	var running sync.WaitGroup
	var failures atomic.Int64
	places := make(chan struct{}, h.opts.Concurrency)
	for i, c := range objects {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			failures.Add(int64(len(objects) - i))
			break
		}
		running.Go(func() {
			defer func() { <-places }()
			if err := h.created(ctx, c); err != nil {
				if failures.Add(1) == 1 { // the others usually fail for the same reason
					h.opts.Logger.WarnContext(ctx, "object of a notification failed; its sender will retry", "error", err)
				}
			}
		})
	}
	running.Wait()
	if n := failures.Load(); n > 0 {
		h.opts.Logger.WarnContext(ctx, "notification failed; its sender will retry", "objects", len(objects), "failed", n)
	}
	return failures.Load() > 0
}

// take uncounts one ignored record, because it is handled.
func (b *Batch) take(reason Reason) {
	if b.Ignored[reason]--; b.Ignored[reason] <= 0 {
		delete(b.Ignored, reason)
	}
}
