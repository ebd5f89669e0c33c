// Package webserver runs an http.Server that limits open connections and shuts down
// without dropping requests.
package webserver

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// lastRequest is how long idle connections stay open after the listener is closed,
	// since a client may just be sending a request on one. Its response closes the
	// connection.
	lastRequest = time.Second
	// lastAnswers is how long responses to cancelled requests may take.
	lastAnswers = 2 * time.Second
)

// Options configures a [Server]. All fields but OnDrain are required.
type Options struct {
	// MaxConnections is the limit on open connections; see [MaxConnections].
	MaxConnections int
	// DrainDelay is how long connections are still accepted after Serve's context is done,
	// and DrainTimeout how long the requests in progress may take after that.
	DrainDelay, DrainTimeout time.Duration
	// OnDrain is called when Serve's context is done, before DrainDelay. It may be nil.
	OnDrain func()
	Logger  *slog.Logger
}

// Server serves HTTP until it is drained.
type Server struct {
	server   *http.Server
	listener net.Listener
	conns    *connections // accepted from listener
	opts     Options
	draining atomic.Bool
	cut      context.CancelFunc // cancels all requests
}

// New returns a Server that runs server on listener. It sets timeouts and the error log of
// server if they are zero, wraps its Handler, and keeps calling its hooks. Serve closes
// listener.
func New(server *http.Server, listener net.Listener, opts Options) *Server {
	s := &Server{server: server, listener: listener, opts: opts}
	s.conns = newConnections(&untilDeadline{Listener: listener}, opts.MaxConnections, opts.Logger)
	setDefault(&server.ReadHeaderTimeout, 5*time.Second)
	setDefault(&server.IdleTimeout, 2*time.Minute)
	setDefault(&server.MaxHeaderBytes, 16<<10)
	if server.ErrorLog == nil {
		server.ErrorLog = stdlog.New(&serverLog{log: opts.Logger}, "", 0)
	}
	next := server.Handler
	if next == nil {
		next = http.DefaultServeMux
	}
	server.Handler = s.handler(next)
	changed, named, base := server.ConnState, server.ConnContext, server.BaseContext
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		s.conns.changed(conn, state)
		if changed != nil {
			changed(conn, state)
		}
	}
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if named != nil {
			ctx = named(ctx, conn)
		}
		return s.conns.named(ctx, conn)
	}
	requests, cut := context.WithCancel(context.Background())
	s.cut = cut
	server.BaseContext = func(l net.Listener) context.Context {
		if base == nil {
			return requests
		}
		ctx, cancel := context.WithCancel(base(l))
		context.AfterFunc(requests, cancel)
		return ctx
	}
	return s
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Connections returns how many connections are open and how many were closed so far to
// make room for others.
func (s *Server) Connections() (open int, closed int64) { return s.conns.count() }

// Serve serves requests until ctx is done. Then it waits for the requests in progress,
// including those that clients have sent but the process has not read yet, and returns
// nil. Requests that take longer than DrainTimeout are cancelled.
func (s *Server) Serve(ctx context.Context) error {
	defer s.cut()
	log := s.opts.Logger
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(s.conns) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	if s.opts.OnDrain != nil {
		s.opts.OnDrain()
	}
	log.Info("draining; a second signal stops at once", "delay", s.opts.DrainDelay, "timeout", s.opts.DrainTimeout)
	time.Sleep(s.opts.DrainDelay)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.DrainTimeout)
	defer cancel()

	s.conns.end()
	if d, ok := s.listener.(interface{ SetDeadline(time.Time) error }); !ok || d.SetDeadline(time.Now()) != nil {
		_ = s.listener.Close()
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	last, cancelLast := context.WithTimeout(end, lastRequest)
	defer cancelLast()
	s.conns.none(last)
	if err := s.server.Shutdown(end); err == nil {
		return nil
	}
	// Requests whose body is still being read get a 503.
	log.Warn("requests cancelled that did not end in time", "timeout", s.opts.DrainTimeout)
	s.cut()
	answers, cancelAnswers := context.WithTimeout(context.WithoutCancel(ctx), lastAnswers)
	defer cancelAnswers()
	if s.server.Shutdown(answers) != nil {
		_ = s.server.Close()
	}
	return nil
}
