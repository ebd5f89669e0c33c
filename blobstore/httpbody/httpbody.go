// Package httpbody bounds how long a client may take to send the body of a request
// and to read the answer. It does so within a handler, so that it works under any
// [http.Server], one without timeouts included.
//
// Server.ReadTimeout and Server.WriteTimeout can't do this: both count from the
// request's start, whatever its size, so they cut long uploads, or the answers to
// them. Without them a client that announces a body and never sends it keeps its
// connection for ever, also on routes that don't read bodies: once a handler has
// returned, net/http reads what is left of the body, and has no deadline for that.
//
// The handlers of packages httpapi, signedurl and notify are bounded already. Use
// [NewHandler] for routes of your own. What comes before the handler is up to the
// server: set ReadHeaderTimeout and IdleTimeout, or clients that send no request
// keep their connections.
package httpbody

import (
	"errors"
	"net/http"
	"time"
)

// Limits of the bodies of requests and answers. Zero fields mean the defaults.
//
// Only the time that is spent waiting for the client counts: a slow object store is
// not the client's fault.
type Limits struct {
	// Stall is how long a client may send nothing of a body. Default 30 seconds.
	Stall time.Duration
	// MinRate is the least rate of a body, in bytes a second. Each byte earns the client
	// 1/MinRate seconds, up to Stall in all, so a slower client is cut off Stall after its
	// body began, or later if it was faster before. Default 1024.
	MinRate int64
	// Timeout of a whole body: this time and another second for each TimeoutRate bytes
	// of its Content-Length, or of what has come where there is none. Defaults 5
	// minutes and 8192 bytes, which is 2 hours and 22 minutes for 64 MiB.
	Timeout     time.Duration
	TimeoutRate int64
	// Refused is how long a client may go on sending a body that the handler did not read
	// to its end, before the connection is closed. Default 1 second.
	Refused time.Duration
	// Answer is how long a client may take for each 32 KiB of the answer. Default 30
	// seconds.
	Answer time.Duration
}

// Check returns an error if a field is negative.
func (l Limits) Check() error {
	if l.Stall < 0 || l.MinRate < 0 || l.Timeout < 0 || l.TimeoutRate < 0 || l.Refused < 0 || l.Answer < 0 {
		return errors.New("no field of httpbody.Limits may be negative")
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

// Errors of reading a body whose limit is exceeded, or whose request ended.
var (
	// ErrTooSlow is returned if the client exceeded Stall, MinRate or Timeout. Answer 408.
	ErrTooSlow = errors.New("httpbody: the request body came too slowly")
	// ErrStopped is returned if the request's context ended before the body did, as
	// when a server that shuts down cancels its Server.BaseContext. Answer 503.
	ErrStopped = errors.New("httpbody: the request ended before its body did")
)

// NewHandler returns next with limits on each request. It is an error if next is nil or
// the limits don't pass their Check.
//
// If next answers before it has read all of a body, the answer closes the connection.
// Middleware between the server and this handler must offer Unwrap, as
// [http.ResponseController] requires; without it there are no deadlines. Handlers may be
// nested, such as in a program that bounds its whole mux: for the body, the limits of the
// inner one count.
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
		a.reusable = r.ProtoMajor >= 2 // a stream ends, not its connection
		bounded := *r
		bounded.Body = a.body
		r = &bounded
	}
	defer a.end() // also if next panics
	h.next.ServeHTTP(a, r)
}
