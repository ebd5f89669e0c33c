// Package webserver runs an http.Server so that it survives clients that hold connections
// open, and ends without cutting a request.
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
	// lastRequest is how long connections without a request stay open once no new ones
	// are accepted. A request may be on its way on each of them, and would be cut. The
	// answer to it closes the connection.
	lastRequest = time.Second
	// lastAnswers is how long the answers to requests that are cut off may take.
	lastAnswers = 2 * time.Second
)

// Options of a [Server]. All are required, but for OnDrain.
type Options struct {
	// MaxConnections that are open at once; see [MaxConnections].
	MaxConnections int
	// DrainDelay is how long requests are still accepted once Serve is told to end, and
	// DrainTimeout how long those in progress may take after that.
	DrainDelay, DrainTimeout time.Duration
	// OnDrain is called when Serve is told to end. It may be nil.
	OnDrain func()
	Logger  *slog.Logger
}

// Server serves HTTP until it is drained.
type Server struct {
	server   *http.Server
	listener net.Listener
	conns    *connections // that listener accepts
	opts     Options
	draining atomic.Bool
	cut      context.CancelFunc // of all requests
}

// New returns a Server of an http.Server, whose zero fields it sets, and whose hooks it
// calls beside its own. Serve closes the listener.
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

// Connections returns how many are open, and how many were closed for others so far.
func (s *Server) Connections() (open int, closed int64) { return s.conns.count() }

// Serve answers until ctx is done, and then lets the requests in progress end, including
// those that the process has not read yet.
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
	// A body that is still being read is answered with 503.
	log.Warn("requests cut off that did not end in time", "timeout", s.opts.DrainTimeout)
	s.cut()
	answers, cancelAnswers := context.WithTimeout(context.WithoutCancel(ctx), lastAnswers)
	defer cancelAnswers()
	if s.server.Shutdown(answers) != nil {
		_ = s.server.Close()
	}
	return nil
}
