package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// lastRequest is how long connections without a request are kept open once no new
// ones are taken. A request may be on its way on each of them, and would be cut.
// The answer to it closes the connection.
const lastRequest = time.Second

// answerUntil serves until ctx is done, and then lets the requests that are
// under way end, those too that this process has not seen yet.
func answerUntil(ctx context.Context, l net.Listener, h http.Handler, ops *operations, c *config, log *slog.Logger) error {
	var conns openConns
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnState:         conns.changed,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(&untilDeadline{Listener: l}) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	ops.draining.Store(true)
	log.Info("draining; a second signal stops at once", "delay", c.drainDelay, "timeout", c.drain)
	time.Sleep(c.drainDelay)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.drain)
	defer cancel()

	if d, ok := l.(interface{ SetDeadline(time.Time) error }); !ok || d.SetDeadline(time.Now()) != nil {
		_ = l.Close()
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	conns.wait(end, lastRequest)
	if err := server.Shutdown(end); err != nil {
		log.Warn("requests cut off that did not end in time", "timeout", c.drain)
		_ = server.Close()
	}
	return nil
}

// untilDeadline is a listener that closes itself at its deadline, behind the last
// of the connections that clients had made by then. Close alone resets those.
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

// openConns counts connections.
type openConns struct {
	mu   sync.Mutex
	open int
	none chan struct{} // closed when there are none any more; nil while nobody waits
}

// changed is the server's ConnState.
func (o *openConns) changed(_ net.Conn, state http.ConnState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch state {
	case http.StateNew:
		o.open++
	case http.StateClosed, http.StateHijacked:
		o.open--
	}
	if o.open == 0 && o.none != nil {
		close(o.none)
		o.none = nil
	}
}

// wait waits until there are none, for so long at most.
func (o *openConns) wait(ctx context.Context, atMost time.Duration) {
	o.mu.Lock()
	if o.open == 0 {
		o.mu.Unlock()
		return
	}
	none := make(chan struct{})
	o.none = none
	o.mu.Unlock()
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-none:
	case <-timer.C:
	case <-ctx.Done():
	}
}
