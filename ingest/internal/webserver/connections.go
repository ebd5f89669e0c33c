package webserver

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/fhirdock/fhirdock/internal/loglimit"
)

// connections is a listener that limits the number of open connections, so that
// descriptors remain for files and the job store. At the limit, each new connection
// replaces the one that has been without a request for longest, but not before that one
// has had requestTime to send one. If no connection can be replaced, Accept waits.
type connections struct {
	net.Listener
	max int
	log *slog.Logger

	mu       sync.Mutex
	open     map[net.Conn]*list.Element // in waiting; nil while a request is under way
	waiting  list.List                  // of waiter, oldest first
	changes  *sync.Cond                 // fewer are open, or more are waiting
	ending   bool                       // the limit no longer applies
	replaced int64                      // number closed to make room
	warnings loglimit.Lines
}

// waiter is a connection without a request.
type waiter struct {
	net.Conn
	until time.Time // may be replaced from then on
}

func newConnections(l net.Listener, limit int, log *slog.Logger) *connections {
	c := &connections{Listener: l, max: limit, log: log, open: map[net.Conn]*list.Element{}}
	c.changes = sync.NewCond(&c.mu)
	return c
}

// Accept must be called by one goroutine at a time.
func (c *connections) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.makeRoom()
	return conn, nil
}

// makeRoom waits until one more connection may be open.
func (c *connections) makeRoom() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= c.max && !c.ending {
		c.warnings.Log(context.Background(), c.log, slog.LevelWarn,
			"connection limit reached; idle connections are closed for new ones", slog.Int("allowed", c.max))
	}
	for len(c.open) >= c.max && !c.ending {
		longest := c.waiting.Front()
		if longest == nil {
			c.changes.Wait()
			continue
		}
		w := longest.Value.(waiter)
		if early := time.Until(w.until); early > 0 {
			timer := time.AfterFunc(early, c.broadcast)
			c.changes.Wait()
			timer.Stop()
			continue
		}
		c.remove(w.Conn)
		c.replaced++
		_ = w.Close() // the server's goroutine gets an error
	}
}

func (c *connections) broadcast() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes.Broadcast()
}

// changed is the server's ConnState hook.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, known := c.open[conn]
	if !known && state != http.StateNew { // it was replaced
		return
	}
	switch state {
	case http.StateNew, http.StateIdle:
		c.open[conn] = c.waiting.PushBack(waiter{conn, time.Now().Add(requestTime)})
		c.changes.Broadcast()
	case http.StateActive:
		if element != nil {
			c.waiting.Remove(element)
			c.open[conn] = nil
		}
	case http.StateClosed, http.StateHijacked:
		c.remove(conn)
	}
}

func (c *connections) remove(conn net.Conn) {
	if element := c.open[conn]; element != nil {
		c.waiting.Remove(element)
	}
	delete(c.open, conn)
	c.changes.Broadcast()
}

const (
	// requestTime is how long a connection may take to send a request before it can be
	// replaced. Without it, well-behaved clients would be replaced too.
	requestTime = 250 * time.Millisecond
	// answerTime is enough to send the rest of a response after its handler returned.
	answerTime = 100 * time.Millisecond
)

// answered records that the response in progress is the last one on its connection. If
// the connection stays open afterwards, it is only waiting for a body that nobody reads,
// so it is the first to be replaced.
func (c *connections) answered(ctx context.Context) {
	conn, ok := ctx.Value(connectionKey{}).(net.Conn)
	if !ok {
		return
	}
	time.AfterFunc(answerTime, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if element, known := c.open[conn]; known && element == nil {
			c.open[conn] = c.waiting.PushFront(waiter{Conn: conn})
			c.changes.Broadcast()
		}
	})
}

type connectionKey struct{}

// named is the server's ConnContext hook.
func (c *connections) named(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// end lifts the limit, so that Accept returns all connections that clients have made.
func (c *connections) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = true
	c.changes.Broadcast()
}

// none waits until no connection is open or ctx is done.
func (c *connections) none(ctx context.Context) {
	defer context.AfterFunc(ctx, c.broadcast)()
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.open) > 0 && ctx.Err() == nil {
		c.changes.Wait()
	}
}

// count returns how many connections are open and how many were replaced.
func (c *connections) count() (open int, replaced int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open), c.replaced
}

// MaxConnections returns the limit to use for a configured number of connections. The
// default, for 0, is half of the files that the process may open, but at most 4096 to
// limit memory. A number that is negative, or not less than the number of files, is an
// error.
func MaxConnections(given int) (int, error) {
	const highest = 4096
	limit := descriptors()
	switch {
	case given < 0:
		return 0, errors.New("must not be negative")
	case limit == 0 && given == 0:
		return highest, nil
	case given == 0:
		return max(1, min(limit/2, highest)), nil
	case limit > 0 && given >= limit:
		return 0, fmt.Errorf("must be less than %d, the number of files that this process may open", limit)
	}
	return given, nil
}
