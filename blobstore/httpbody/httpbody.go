// Package httpbody limits how long a client may take to send the body of a request and to
// read the answer. It works within a handler, so with any [http.Server], including one
// without timeouts.
//
// Server.ReadTimeout and Server.WriteTimeout can't do this: both start with the request,
// whatever its size, so they interrupt long uploads or the answers to them. Without them, a
// client that announces a body and never sends it keeps its connection forever, even on
// routes that don't read bodies: after a handler has returned, net/http reads the rest of
// the body without a deadline.
//
// The handlers of packages httpapi, signedurl and notify have such limits. Use [NewHandler]
// for your own routes. The server limits what comes before the handler: set
// ReadHeaderTimeout and IdleTimeout, or clients that send no request keep their connections.
package httpbody

import (
	"errors"
	"net/http"
	"time"
)

// Limits for the bodies of requests and answers. Zero fields mean the defaults.
//
// Only time spent waiting for the client counts, not for a slow object store.
type Limits struct {
	// Stall is how long a client may pause within a body. Default: 30 seconds.
	Stall time.Duration
	// MinRate is the minimum rate of a body, in bytes per second. Each byte earns the client
	// 1/MinRate seconds, up to Stall in total, so a slower client is cut off Stall after the
	// start of its body, or later if it was faster before. Default: 1024.
	MinRate int64
	// Timeout is how long a whole body may take, plus one second for each TimeoutRate bytes
	// of its Content-Length, or of what was received if there is none. Defaults: 5 minutes
	// and 8192 bytes, which is 2 hours and 22 minutes for 64 MiB.
	Timeout     time.Duration
	TimeoutRate int64
	// Refused is how long a client may continue to send a body that the handler did not
	// read, before the connection is closed. Default: 1 second.
	Refused time.Duration
	// Answer is how long a client may take to read each 32 KiB of the answer. Default: 30
	// seconds.
	Answer time.Duration
}

// Check returns an error if a field is negative.
func (l Limits) Check() error {
	if l.Stall < 0 || l.MinRate < 0 || l.Timeout < 0 || l.TimeoutRate < 0 || l.Refused < 0 || l.Answer < 0 {
		return errors.New("httpbody: Limits must not be negative")
	}
	return nil
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.Stall, 30*time.Second)
	setDefault(&l.MinRate, 1<<10)
	setDefault(&l.Timeout, 5*time.Minute)
	setDefault(&l.TimeoutRate, 8<<10)
	setDefault(&l.Refused, time.Second)
	setDefault(&l.Answer, 30*time.Second)
	return l
}

func setDefault[T time.Duration | int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Errors of reading a body.
var (
	// ErrTooSlow: the client exceeded Stall, MinRate or Timeout. Answer with 408.
	ErrTooSlow = errors.New("httpbody: the request body arrived too slowly")
	// ErrStopped: the request's context ended before the body was read, for example because
	// a server that shuts down cancels its Server.BaseContext. Answer with 503.
	ErrStopped = errors.New("httpbody: the request ended before its body")
)

// NewHandler returns a handler that calls next with limits on each request. It is an error
// if next is nil or a limit is negative.
//
// If next answers before it has read the whole body, the answer closes the connection.
// Middleware between the server and this handler must implement Unwrap, as
// [http.ResponseController] requires; otherwise there are no deadlines. Handlers may be
// nested, for example if a program limits its whole mux: for the body, the inner limits
// apply.
func NewHandler(next http.Handler, limits Limits) (http.Handler, error) {
	if next == nil {
		return nil, errors.New("httpbody: the handler is missing")
	}
	if err := limits.Check(); err != nil {
		return nil, err
	}
	return &handler{next, limits.withDefaults()}, nil
}

type handler struct {
	next   http.Handler
	limits Limits
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w, control: http.NewResponseController(w), limits: &h.limits}
	if r.Body != nil && r.Body != http.NoBody {
		a.body = newBody(r, a.control, &h.limits)
		a.reusable = r.ProtoMajor >= 2 // only the stream ends
		bounded := *r
		bounded.Body = a.body
		r = &bounded
	}
	defer a.end() // also if next panics
	h.next.ServeHTTP(a, r)
}
