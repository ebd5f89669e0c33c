package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/blobstore/httpbody"
	"github.com/fhirdock/fhirdock/ingest/internal/webserver"
)

// ServeOptions are the options of a [Server]; nil, and zero fields, mean the defaults.
type ServeOptions struct {
	// Run has the options of worker, sweeper and listener, for [Serve].
	Run *RunOptions
	// Listener to serve on; the Server closes it. Default: one on the http.Server's Addr,
	// or ":http" if that is empty too.
	Listener net.Listener
	// Body bounds how long a client may take to send a body and to read a response, on
	// every route. Default: as in [httpbody.Limits].
	Body httpbody.Limits
	// MaxConnections is how many connections may be open. At the limit, a new connection
	// replaces the one that has been idle for longest. Default: half of the process's
	// limit of open files, at most 4096.
	MaxConnections int
	// DrainDelay is how long new requests are still accepted once the Server is told to
	// end, so that load balancers notice. Default 0.
	DrainDelay time.Duration
	// DrainTimeout is how long requests in progress may take after that. Slower ones are
	// cut off: one whose body is still being read is answered with 503. Default 25
	// seconds.
	DrainTimeout time.Duration
	// Health gets [Runner.Err] as its Queue, and its Drain is called when the Server is
	// told to end, before DrainDelay. Default: none.
	Health Health
	// NoSignals leaves signals to the program. Default: SIGINT and SIGTERM drain the
	// Server, and a second one ends the process at once.
	NoSignals bool
}

// Health knows whether a process is ready. The one of
// [github.com/fhirdock/fhirdock/ingest/httpapi] answers probes.
type Health interface {
	// Queue adds a queue, which is lost while away returns an error. away is safe for
	// concurrent use.
	Queue(away func() error)
	// Drain makes the process not ready, permanently.
	Drain()
}

// Server is a process's HTTP server and its background parts.
type Server struct {
	runner  *Runner
	web     *webserver.Server
	addr    net.Addr
	signals chan os.Signal // nil with NoSignals
}

// NewServer returns a Server that runs a Runner beside an http.Server. It listens at once,
// and catches signals from now on: call Run soon. It changes server: Handler is wrapped;
// ConnState, ConnContext and BaseContext are called along with the Server's own; and these
// fields are set if they are zero: ReadHeaderTimeout to 5 seconds, IdleTimeout to 2
// minutes, MaxHeaderBytes to 16 KiB, and ErrorLog to the Service's Logger, at WARN. Leave
// ReadTimeout and WriteTimeout zero: Body bounds slow clients without cutting long uploads.
// NewServer fails if an option is invalid, if opts has a Run, or if it can't listen.
func NewServer(server *http.Server, runner *Runner, opts *ServeOptions) (*Server, error) {
	if server == nil || runner == nil {
		return nil, errors.New("ingest: NewServer needs an http.Server and a Runner")
	}
	o := ServeOptions{}
	if opts != nil {
		o = *opts
	}
	if o.Run != nil {
		return nil, errors.New("ingest: ServeOptions.Run is for Serve; NewServer has a Runner already")
	}
	if o.DrainDelay < 0 || o.DrainTimeout < 0 {
		return nil, errors.New("ingest: ServeOptions.DrainDelay and DrainTimeout must not be negative")
	}
	setDefault(&o.DrainTimeout, 25*time.Second)
	most, err := webserver.MaxConnections(o.MaxConnections)
	if err != nil {
		return nil, fmt.Errorf("ingest: ServeOptions.MaxConnections %w", err)
	}
	handler := server.Handler
	if handler == nil {
		handler = http.DefaultServeMux
	}
	if server.Handler, err = httpbody.NewHandler(handler, o.Body); err != nil {
		return nil, fmt.Errorf("ingest: ServeOptions.Body: %w", err)
	}
	if o.Listener == nil {
		addr := server.Addr
		if addr == "" {
			addr = ":http"
		}
		if o.Listener, err = net.Listen("tcp", addr); err != nil {
			return nil, fmt.Errorf("ingest: %w", err)
		}
	}
	web := webserver.Options{
		MaxConnections: most, DrainDelay: o.DrainDelay, DrainTimeout: o.DrainTimeout, Logger: runner.svc.opts.Logger,
	}
	if o.Health != nil {
		o.Health.Queue(runner.Err)
		web.OnDrain = o.Health.Drain
	}
	s := &Server{runner: runner, web: webserver.New(server, o.Listener, web), addr: o.Listener.Addr()}
	if !o.NoSignals {
		s.signals = make(chan os.Signal, 2)
		signal.Notify(s.signals, os.Interrupt, syscall.SIGTERM)
	}
	return s, nil
}

// Run serves until ctx is done or a signal comes, and then drains: requests on open
// connections are still answered, running batches end as in [Worker.Run], and no request
// is cut before DrainTimeout. It then returns nil, or the first error of a part. Back ends
// stay open. Call it once.
func (s *Server) Run(ctx context.Context) error {
	if s.signals != nil {
		var stop context.CancelFunc
		ctx, stop = untilSignal(ctx, s.signals)
		defer stop()
	}
	s.runner.svc.opts.Logger.InfoContext(ctx, "serving", "addr", s.addr.String())
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.runner.Run(ctx) })
	g.Go(func() error { return s.web.Serve(ctx) })
	return g.Wait()
}

// untilSignal returns a context that ends with the first signal. A second one ends the
// process at once, with the exit status of a shell: 128 plus the signal's number. The
// default action of a signal would not end a container's first process.
func untilSignal(parent context.Context, signals chan os.Signal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	ended := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ended:
			return
		}
		select {
		case second := <-signals:
			code := 1
			if s, ok := second.(syscall.Signal); ok {
				code = 128 + int(s)
			}
			os.Exit(code)
		case <-ended:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(ended)
		cancel()
	}
}

// Connections returns how many connections are open, and how many were closed so far to
// make room for new ones. It is safe for concurrent use.
func (s *Server) Connections() (open int, closed int64) { return s.web.Connections() }

// Serve is a whole program: it serves HTTP, and runs a worker for h, a sweeper, and a
// listener if there are [Backends.Notifications], until ctx is done or the process gets
// SIGINT or SIGTERM; then it drains, and returns nil. With a nil h it only accepts. See
// [NewServer] for its changes to server, and [Server.Run] for how it ends.
func Serve(ctx context.Context, s *Service, server *http.Server, h Handler, opts *ServeOptions) error {
	o := ServeOptions{}
	if opts != nil {
		o = *opts
	}
	runner, err := NewRunner(s, h, o.Run)
	if err != nil {
		return err
	}
	o.Run = nil
	web, err := NewServer(server, runner, &o)
	if err != nil {
		return err
	}
	return web.Run(ctx)
}
