package localserver

import (
	"net"
	"sync"
	"time"
)

// Cable is a proxy to a server that can be cut and can simulate network faults. It is safe
// for concurrent use.
type Cable struct {
	// Address is HOST:PORT where it listens.
	Address string

	to       string
	listener net.Listener
	running  sync.WaitGroup

	mu    sync.Mutex
	state CableState
	ways  map[*way]bool
}

// CableState is the state of a [Cable].
type CableState struct {
	// Silent: data is dropped without an error. Connections open at that time stay silent,
	// as after a router has forgotten them.
	Silent bool
	// Refusing: new connections are reset at once.
	Refusing bool
	// Delay of the server's data.
	Delay time.Duration
}

// NewCable returns a Cable to an address. Close it after use.
func NewCable(address string) (*Cable, error) { return NewCableAt("127.0.0.1:0", address) }

// NewCableAt is NewCable with a given listening address, such as the address of a server
// that starts later.
func NewCableAt(near, address string) (*Cable, error) {
	l, err := net.Listen("tcp", near)
	if err != nil {
		return nil, err
	}
	c := &Cable{Address: l.Addr().String(), to: address, listener: l, ways: map[*way]bool{}}
	c.running.Go(c.run)
	return c, nil
}

func (c *Cable) run() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.to)
		if err != nil {
			reset(near)
			continue
		}
		w := &way{near: near, far: far, cut: make(chan struct{})}
		c.mu.Lock()
		w.silent = c.state.Silent
		refused := c.state.Refusing
		if !refused {
			c.ways[w] = true
		}
		c.mu.Unlock()
		if refused {
			w.end()
			continue
		}
		c.running.Go(func() { c.carry(w, w.near, w.far, false) })
		c.running.Go(func() { c.carry(w, w.far, w.near, true) })
	}
}

// Set changes the state.
func (c *Cable) Set(s CableState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = s
	for w := range c.ways {
		w.silent = w.silent || s.Silent
	}
}

// Cut resets all connections.
func (c *Cable) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for w := range c.ways {
		w.end()
	}
	clear(c.ways)
}

// Close ends all connections and goroutines.
func (c *Cable) Close() error {
	err := c.listener.Close()
	c.Cut()
	c.running.Wait()
	return err
}

// way is a connection.
type way struct {
	near, far net.Conn
	silent    bool // guarded by the Cable
	once      sync.Once
	cut       chan struct{}
}

func (w *way) end() {
	w.once.Do(func() {
		close(w.cut)
		reset(w.near)
		reset(w.far)
	})
}

// reset closes a connection so that the other side's next read or write fails.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// chunk is data read at once, and the time to write it.
type chunk struct {
	data []byte
	at   time.Time
}

// carry copies one direction until one end is closed.
func (c *Cable) carry(w *way, from, to net.Conn, answers bool) {
	chunks := make(chan chunk, 1024)
	c.running.Go(func() {
		defer to.Close()
		for next := range chunks {
			select {
			case <-time.After(time.Until(next.at)):
			case <-w.cut:
				continue
			}
			_, _ = to.Write(next.data) // the reader may be gone
		}
	})
	defer close(chunks)
	for {
		data := make([]byte, 32<<10)
		n, err := from.Read(data)
		if err != nil {
			c.mu.Lock()
			delete(c.ways, w)
			c.mu.Unlock()
			return
		}
		c.mu.Lock()
		silent, next := w.silent, chunk{data: data[:n], at: time.Now()}
		if answers {
			next.at = next.at.Add(c.state.Delay)
		}
		c.mu.Unlock()
		if silent {
			continue
		}
		select {
		case chunks <- next:
		case <-w.cut:
			return
		}
	}
}
