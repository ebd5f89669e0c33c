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
	"github.com/fhirdock/fhirdock/blobstore/loglimit"
)

// HandlerOptions say who may send notifications over HTTP, and how long looking may
// take. There must be a secret or Authenticate.
//
// A shared secret is enough: what a notification says is looked up, never believed.
// For that reason the signatures of SNS are not checked, which would take a
// certificate from the network to do; its endpoint has the secret in its URL.
type HandlerOptions struct {
	// Secrets of which a request must show one, each of at least 16 bytes; several
	// while one takes the place of another.
	Secrets []string
	// Header in which a secret is looked for, as it is or after "Bearer ": what
	// an S3-compatible server's token is sent in, an API key of EventBridge's connection, or a
	// delivery property of Event Grid. Default Authorization.
	Header string
	// Query is the parameter of the URL in which a secret is looked for, too, for
	// SNS and for Event Grid's handshake, which set no header. URLs get into logs of
	// proxies: use it where there is no other way. Default: none.
	Query string
	// Authenticate judges a request that shows no secret, such as by the OIDC token
	// that a push of Pub/Sub has for its Authorization. It must not read the body. An
	// error refuses the request; it is logged, and not told to the sender. Default:
	// none.
	Authenticate func(r *http.Request) error
	// Origins are the senders that may ask by OPTIONS whether they may send, as
	// CloudEvents' handshake has it in WebHook-Request-Origin. Default
	// eventgrid.azure.net.
	Origins []string
	// OnSubscription is asked whether messages of an SNS topic are wanted. It
	// compares the topic with those that it knows and confirms, by fetching the URL
	// or by SNS's API; to confirm nothing, it returns nil. An error makes SNS ask
	// again. Requests whose URL is not one of SNS never come here. Nothing is fetched
	// without it. Default: none; the requests are counted.
	OnSubscription func(ctx context.Context, r SubscriptionRequest) error
	// OnIgnored is called with what was counted, [Junk] and [TooLarge] included.
	// Default: none.
	OnIgnored func(reason Reason, n int)
	// Timeout of reading a request's body, and of looking at its objects. What was not
	// looked at by then is sent again. Default 25 seconds: Event Grid waits for 30.
	Timeout time.Duration
	// Concurrency bounds the objects of one request that are looked at, at once.
	// Default 8.
	Concurrency int
	// Logger gets what an operator should know, nothing of a message. Of requests that
	// are not authenticated it gets [loglimit.PerMinute] lines a minute, the others at
	// DEBUG. Default slog.Default().
	Logger *slog.Logger
}

// minSecret is the shortest secret, in bytes.
const minSecret = 16

// NewHandler takes notifications in all formats of this package over HTTP: Event
// Grid's webhooks with the handshakes of both schemas, Pub/Sub's push, SNS over
// HTTPS, webhooks of S3-compatible servers, EventBridge's API destinations. It calls created for
// each object; created must be safe for concurrent use. NewHandler fails without
// created, where the options let anybody in or a secret is short, and where another
// option can't work.
//
// # What is answered
//
//	200  Event Grid's validation of a subscription, with its code
//	204  each object was looked at; also what was counted and what is no notification,
//	     so that its sender does not send it again. HEAD, by which S3-compatible
//	     servers probe
//	400  the body ended early
//	408  the body was not complete within Timeout
//	413  more than MaxBody bytes or MaxRecords records: nothing of it was looked at, and
//	     it is of no use to send it again. Event Grid makes a dead letter of it
//	401  no secret, and not authenticated
//	405  a method that is none of OPTIONS, HEAD and POST
//	503  looking at an object failed, or confirming a subscription did, or Timeout was
//	     over before all objects were looked at, or the server is shutting down; send it
//	     again
//
// OPTIONS is answered with 204, and with consent where the origin is known. It needs
// no secret: as CloudEvents has it, "the handshake does not aim to establish an
// authentication or authorization context", and each delivery is authenticated by
// itself. A callback that is offered in it is never called. The handshakes are those
// of https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema
// and https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection.
//
// The handler sets deadlines for the body and the answer, as package httpbody does.
// TLS and all other limits are the server's.
func NewHandler(created func(ctx context.Context, c ObjectCreated) error, opts *HandlerOptions) (http.Handler, error) {
	h := &handler{created: created}
	if opts != nil {
		h.opts = *opts
	}
	if created == nil {
		return nil, errors.New("notify: NewHandler: there is no function to call for an object")
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
		return errors.New("notify: HandlerOptions.Header must be the name of a header, of letters, digits, - and _")
	}
	for _, origin := range o.Origins {
		if origin == "" {
			return errors.New("notify: none of HandlerOptions.Origins may be empty")
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
			slog.String("code", "no-secret"), slog.String("reason", "the request shows none of the secrets"))
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

// maxDrained is how much of a request that is too large is read and dropped, in bytes,
// so that its sender gets an answer and not a reset.
const maxDrained = 64 << 20

// readBody reads a body, of which it returns at most one byte more than a notification
// may have: then it is found to be too long.
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

// incomplete answers where the body could not be read to its end.
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
		"code", "body", "reason", "the body ended before it was complete, or came too slowly")
	w.WriteHeader(status)
}

// message acts on a message, and answers.
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
			h.opts.Logger.WarnContext(ctx, "subscription not confirmed; SNS asks again", "error", err)
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

// junk takes what can't be read, so that it does not come again.
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

// look reports whether looking at any of the objects failed. One that fails does not
// keep the others from being looked at; the end of ctx does.
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
				if failures.Add(1) == 1 { // the others fail for the same reason, mostly
					h.opts.Logger.WarnContext(ctx, "object of a notification not looked at; it is sent again", "error", err)
				}
			}
		})
	}
	running.Wait()
	if n := failures.Load(); n > 0 {
		h.opts.Logger.WarnContext(ctx, "notification is to be sent again", "objects", len(objects), "failed", n)
	}
	return failures.Load() > 0
}

// take takes back one record that was ignored: somebody acts on it.
func (b *Batch) take(reason Reason) {
	if b.Ignored[reason]--; b.Ignored[reason] <= 0 {
		delete(b.Ignored, reason)
	}
}
