package docservers

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
)

// oneByOne is a proxy for MongoDB's protocol that passes one command at a time. MongoDB
// changes a document atomically; FerretDB reads, compares and writes it, so that several
// of racing updates win.
type oneByOne struct {
	inner    string
	listener net.Listener
	command  sync.Mutex

	mu    sync.Mutex
	conns map[net.Conn]bool // nil after stop
	all   sync.WaitGroup
}

func startOneByOne(inner string) (*oneByOne, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o := &oneByOne{inner: inner, listener: listener, conns: map[net.Conn]bool{}}
	o.all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			o.all.Go(func() { o.serve(conn) })
		}
	})
	return o, nil
}

func (o *oneByOne) stop() error {
	err := o.listener.Close()
	o.mu.Lock()
	for c := range o.conns {
		err = errors.Join(err, c.Close())
	}
	o.conns = nil
	o.mu.Unlock()
	o.all.Wait()
	return err
}

// keep registers a connection until the returned function closes it.
func (o *oneByOne) keep(c net.Conn) (end func(), ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conns == nil {
		_ = c.Close()
		return nil, false
	}
	o.conns[c] = true
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.conns[c] {
			delete(o.conns, c)
			_ = c.Close()
		}
	}, true
}

// serve serves a client until it disconnects. A command of a disconnected client is still
// executed.
func (o *oneByOne) serve(client net.Conn) {
	end, ok := o.keep(client)
	if !ok {
		return
	}
	defer end()
	server, err := net.Dial("tcp", o.inner)
	if err != nil {
		return
	}
	endServer, ok := o.keep(server)
	if !ok {
		return
	}
	defer endServer()
	for {
		command, err := message(client)
		if err != nil {
			return
		}
		answer, err := o.ask(server, command)
		if err != nil {
			return
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

func (o *oneByOne) ask(server net.Conn, command []byte) ([]byte, error) {
	o.command.Lock()
	defer o.command.Unlock()
	if _, err := server.Write(command); err != nil {
		return nil, err
	}
	return message(server)
}

// message reads one message. The length in its first four bytes includes them.
// https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
func message(r io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(length[:])
	if n < 16 || n > 48<<20 {
		return nil, errors.New("docservers: not a message of MongoDB's protocol")
	}
	m := make([]byte, n)
	copy(m, length[:])
	_, err := io.ReadFull(r, m[4:])
	return m, err
}
