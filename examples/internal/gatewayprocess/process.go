//go:build unix

// Package gatewayprocess runs the gateway as a process of its own that can be killed
// and started again, for programs that try what becomes of it.
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

// Process is one gateway, which may be started again and again, on the same
// address.
type Process struct {
	Program string
	Args    []string // without -addr
	Env     []string // besides the environment less its FHIRDOCK_ variables
	Addr    string
	Log     string // file to which it appends

	cmd  *exec.Cmd
	done chan struct{} // closed once it ended
}

// Base is its URL.
func (p *Process) Base() string { return "http://" + p.Addr }

// Start starts it, and does not wait until it answers.
func (p *Process) Start() error {
	file, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close() // the process has its own
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
		_ = cmd.Wait() // how it ended is in its state
		close(done)
	}()
	return nil
}

// Up waits until it answers.
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
			return fmt.Errorf("the gateway ended by itself: %s; see %s", p.cmd.ProcessState, p.Log)
		case <-ctx.Done():
			return fmt.Errorf("the gateway does not answer: %w", ctx.Err())
		}
	}
}

// Signal sends it a signal.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

var errRuns = errors.New("the gateway does not end")

// Wait waits for its end, and returns its exit code; -1 where a signal ended it.
func (p *Process) Wait(atMost time.Duration) (int, error) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(atMost):
		return 0, errRuns
	}
}

// Kill ends it with SIGKILL, if it runs.
func (p *Process) Kill() {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// FreeAddress is one that nobody listens on. It is asked for at once by the
// process, so that somebody else gets it hardly ever.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
