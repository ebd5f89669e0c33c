package localserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"
)

// Process is a server in a separate process.
type Process struct {
	cmd    *exec.Cmd
	output bytes.Buffer // don't read before done
	done   chan struct{}
	err    error // set before done
}

// startTimeout is how long a server may take until it listens.
const startTimeout = 30 * time.Second

// Start runs a server until it listens on an address.
func Start(ctx context.Context, address string, env []string, name string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		p.err = p.cmd.Wait()
	}()
	deadline := time.Now().Add(startTimeout)
	for {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			return p, conn.Close()
		}
		select {
		case <-p.done:
			return nil, fmt.Errorf("%s ended: %w: %s", name, p.err, p.output.Bytes())
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), p.Stop())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("%s does not listen on %s", name, address), p.Stop())
		}
	}
}

// Signal sends the process a signal.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Stop kills the process. It is an error if that had ended before.
func (p *Process) Stop() error {
	err := p.cmd.Process.Kill()
	<-p.done
	if errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s had ended: %w: %s", p.cmd.Path, p.err, p.output.Bytes())
	}
	return err
}

// FreeAddress returns an unused address.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
