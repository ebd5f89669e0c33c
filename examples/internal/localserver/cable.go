package localserver

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Cable is a way to a server that can be cut: all connections that go by it end.
type Cable struct {
	// Address is HOST:PORT of its near end.
	Address string

	mu    sync.Mutex
	conns []net.Conn
}

// NewCable returns a cable to an address, for the time of a test.
func NewCable(t testing.TB, address string) *Cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cable{Address: l.Addr().String()}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", address)
			if err != nil {
				from.Close()
				continue
			}
			c.mu.Lock()
			c.conns = append(c.conns, from, to)
			c.mu.Unlock()
			running.Go(func() { _, _ = io.Copy(to, from); to.Close() })
			running.Go(func() { _, _ = io.Copy(from, to); from.Close() })
		}
	})
	t.Cleanup(func() {
		l.Close()
		c.Cut()
		running.Wait()
	})
	return c
}

// Cut ends all connections.
func (c *Cable) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		conn.Close()
	}
	c.conns = nil
}
