package main

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/fhirdock/fhirdock/ingest/httpapi"
)

// lastRequest is how long connections without a request are kept open once no new
// ones are taken. A request may be on its way on each of them, and would be cut.
// The answer to it closes the connection.
const lastRequest = time.Second

// lastAnswers is how long the answers to requests that are cut off may take.
const lastAnswers = 2 * time.Second

// webServer answers HTTP.
type webServer struct {
	http.Handler
	listener net.Listener
	conns    *connections // that listener accepts
	ops      *httpapi.Health
	log      *slog.Logger
}

// answerUntil serves until ctx is done, and then lets the requests that are
// under way end, those too that this process has not seen yet.
func (s *webServer) answerUntil(ctx context.Context, c *config) error {
	log := s.log
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          stdlog.New(&serverLog{log: log}, "", 0),
		BaseContext:       func(net.Listener) context.Context { return requests },
		ConnState:         s.conns.changed,
		ConnContext:       s.conns.named,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.conns) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.ops.Drain()
	log.Info("draining; a second signal stops at once", "delay", c.drainDelay, "timeout", c.drain)
	time.Sleep(c.drainDelay)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.drain)
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
	if err := server.Shutdown(end); err == nil {
		return nil
	}
	// What is still being read is answered with a 503.
	log.Warn("requests cut off that did not end in time", "timeout", c.drain)
	cut()
	answers, cancelAnswers := context.WithTimeout(context.WithoutCancel(ctx), lastAnswers)
	defer cancelAnswers()
	if server.Shutdown(answers) != nil {
		_ = server.Close()
	}
	return nil
}

// untilDeadline is a listener that closes itself at its deadline, after it has accepted
// all connections that clients had made by then. Close alone resets those.
type untilDeadline struct {
	net.Listener
	waiting []net.Conn
	closed  bool
}

// Accept is called by one goroutine.
func (l *untilDeadline) Accept() (net.Conn, error) {
	if !l.closed {
		conn, err := l.Listener.Accept()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return conn, err
		}
		l.waiting, l.closed = takeWaiting(l.Listener), true
		_ = l.Listener.Close()
	}
	if len(l.waiting) == 0 {
		return nil, net.ErrClosed
	}
	conn := l.waiting[0]
	l.waiting = l.waiting[1:]
	return conn, nil
}
