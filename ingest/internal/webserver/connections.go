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

	"github.com/fhirdock/fhirdock/blobstore/loglimit"
)

// connections is a listener that bounds the connections that are open, so that files and
// the job store still get their descriptors. At the bound, each new connection takes the
// place of the one that has waited longest without a request, once that has had the time
// to send one. Until then, and where all of them have one, no more are accepted.
type connections struct {
	net.Listener
	max int
	log *slog.Logger

	mu       sync.Mutex
	open     map[net.Conn]*list.Element // in waiting; nil while a request is under way
	waiting  list.List                  // of waiter, the one that has waited longest first
	less     *sync.Cond                 // there is one less open, or one more waits
	ending   bool                       // there is no bound any more
	ousted   int64                      // closed for another one
	warnings loglimit.Lines
}

// waiter is a connection without a request.
type waiter struct {
	net.Conn
	until time.Time // when it may be closed for another one
}

func newConnections(l net.Listener, most int, log *slog.Logger) *connections {
	c := &connections{Listener: l, max: most, log: log, open: map[net.Conn]*list.Element{}}
	c.less = sync.NewCond(&c.mu)
	return c
}

// Accept is called by one goroutine.
func (c *connections) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.makeRoom()
	return conn, nil
}

// makeRoom returns when one more connection may be open.
func (c *connections) makeRoom() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= c.max && !c.ending {
		c.warnings.Log(context.Background(), c.log, slog.LevelWarn,
			"as many connections as are allowed; those without a request are closed for new ones", slog.Int("allowed", c.max))
	}
	for len(c.open) >= c.max && !c.ending {
		longest := c.waiting.Front()
		if longest == nil {
			c.less.Wait()
			continue
		}
		w := longest.Value.(waiter)
		if early := time.Until(w.until); early > 0 {
			timer := time.AfterFunc(early, c.broadcast)
			c.less.Wait()
			timer.Stop()
			continue
		}
		c.remove(w.Conn)
		c.ousted++
		_ = w.Close() // the server's goroutine finds out
	}
}

func (c *connections) broadcast() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.less.Broadcast()
}

// changed is the server's ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, known := c.open[conn]
	if !known && state != http.StateNew { // it was closed for another one
		return
	}
	switch state {
	case http.StateNew, http.StateIdle:
		c.open[conn] = c.waiting.PushBack(waiter{conn, time.Now().Add(requestTime)})
		c.less.Broadcast()
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
	c.less.Broadcast()
}

const (
	// requestTime is what each connection has to send a request. Without it a good client
	// would be among those that are closed for new ones.
	requestTime = 250 * time.Millisecond
	// answerTime is enough to send the end of an answer whose handler has returned.
	answerTime = 100 * time.Millisecond
)

// answered notes that the answer in progress is the last one on its connection. If the
// connection stays open after it, it only waits for a body that nobody reads.
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
			c.less.Broadcast()
		}
	})
}

type connectionKey struct{}

// named is the server's ConnContext.
func (c *connections) named(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// end lifts the bound, so that Accept returns what clients have connected already.
func (c *connections) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = true
	c.less.Broadcast()
}

// none waits until no connection is open, or ctx is done.
func (c *connections) none(ctx context.Context) {
	defer context.AfterFunc(ctx, c.broadcast)()
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.open) > 0 && ctx.Err() == nil {
		c.less.Wait()
	}
}

// count returns how many are open, and how many were closed for others.
func (c *connections) count() (open int, ousted int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open), c.ousted
}

// MaxConnections checks a bound, in connections. The default, for 0, is half of the files
// that the process may open, at most 4096, which keeps the memory for them small.
func MaxConnections(given int) (int, error) {
	const most = 4096
	limit := descriptors()
	switch {
	case given < 0:
		return 0, errors.New("must not be negative")
	case limit == 0 && given == 0:
		return most, nil
	case given == 0:
		return max(1, min(limit/2, most)), nil
	case limit > 0 && given >= limit:
		return 0, fmt.Errorf("must be below %d, the number of files that this process may open", limit)
	}
	return given, nil
}
