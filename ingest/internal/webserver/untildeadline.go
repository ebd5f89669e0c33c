package webserver

import (
	"errors"
	"net"
	"os"
)

// untilDeadline is a listener that closes itself at its deadline, after it has accepted
// all connections that clients have made by then. Close alone would reset them.
type untilDeadline struct {
	net.Listener
	waiting []net.Conn
	closed  bool
}

// Accept must be called by one goroutine at a time.
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
