//go:build unix

// Package gatewayprocess runs the gateway as a process that can be killed and restarted.
package gatewayprocess

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Process is a gateway that may be restarted on the same address.
type Process struct {
	Program string
	Args    []string // without -addr
	Env     []string // added to the environment without its FHIRDOCK_ variables
	Addr    string
	Log     string // file to append to

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// Base returns the gateway's URL.
func (p *Process) Base() string { return "http://" + p.Addr }

// Start starts the process without waiting for it to respond.
func (p *Process) Start() error {
	file, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close() // the process has its own copy
	p.cmd = exec.Command(p.Program, append([]string{"-addr", p.Addr}, p.Args...)...)
	p.cmd.Stdout, p.cmd.Stderr = file, file
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "FHIRDOCK_") {
			p.cmd.Env = append(p.cmd.Env, v)
		}
	}
	p.cmd.Env = append(p.cmd.Env, p.Env...)
	if err := p.cmd.Start(); err != nil {
		return err
	}
	cmd, done := p.cmd, make(chan struct{})
	p.done = done
	go func() {
		_ = cmd.Wait() // the result is in its state
		close(done)
	}()
	return nil
}

// Up waits until the gateway responds.
func (p *Process) Up(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Base()+"/healthz", nil)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-p.done:
			return fmt.Errorf("the gateway ended unexpectedly: %s; see %s", p.cmd.ProcessState, p.Log)
		case <-ctx.Done():
			return fmt.Errorf("the gateway does not respond: %w", ctx.Err())
		}
	}
}

// Signal sends the process a signal.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

var errRuns = errors.New("the gateway did not end")

// Wait waits for the process's end and returns its exit code, -1 if a signal ended it.
func (p *Process) Wait(atMost time.Duration) (int, error) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(atMost):
		return 0, errRuns
	}
}

// Kill ends the process with SIGKILL if it is running.
func (p *Process) Kill() {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// FreeAddress returns an unused address. The process should listen on it at once: until
// then another one may take it.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
