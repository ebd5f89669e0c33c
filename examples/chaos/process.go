//go:build unix

package main

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

// process is one gateway, which may be started again and again, on the same
// address.
type process struct {
	program string
	args    []string
	env     []string
	addr    string
	log     string // file to which it appends

	cmd  *exec.Cmd
	done chan struct{} // closed once it ended
}

func (p *process) base() string { return "http://" + p.addr }

// start starts it, and does not wait until it answers.
func (p *process) start() error {
	file, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close() // the process has its own
	p.cmd = exec.Command(p.program, append([]string{"-addr", p.addr}, p.args...)...)
	p.cmd.Stdout, p.cmd.Stderr = file, file
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "FHIRDOCK_") {
			p.cmd.Env = append(p.cmd.Env, v)
		}
	}
	p.cmd.Env = append(p.cmd.Env, p.env...)
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

// up waits until it answers.
func (p *process) up(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base()+"/healthz", nil)
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
			return fmt.Errorf("the gateway ended by itself: %s; see %s", p.cmd.ProcessState, p.log)
		case <-ctx.Done():
			return fmt.Errorf("the gateway does not answer: %w", ctx.Err())
		}
	}
}

func (p *process) signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

var errRuns = errors.New("the gateway does not end")

// wait waits for its end, and returns its exit code; -1 where a signal ended it.
func (p *process) wait(atMost time.Duration) (int, error) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(atMost):
		return 0, errRuns
	}
}

// kill ends it with SIGKILL, if it runs.
func (p *process) kill() {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// freeAddress is one that nobody listens on. It is asked for at once by the
// process, so that somebody else gets it hardly ever.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
