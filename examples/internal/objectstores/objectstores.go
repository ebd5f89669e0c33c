// Package objectstores starts the object stores that the cloud drivers are tested on:
// a real S3 server, and emulators of GCS and Azure Blob, each on a free port of
// this machine, with its data in a folder or in memory.
//
// # What each of them proves
//
//   - [S3] is versitygw, an S3 gateway for use in production. It checks signatures,
//     conditions, checksums and versions as S3 does.
//   - [Azure] is Azurite, Microsoft's own emulator. It checks a SAS: key,
//     permissions, times.
//   - [GCS] is fake-gcs-server, an emulator that checks neither signatures nor the
//     conditions of an upload. In front of it stands [SignatureCheck], which does,
//     by Google's description of V4 signatures: it proves what is signed, not what
//     Google makes of it.
package objectstores

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

// Storage is a running object store. Close stops it.
type Storage struct {
	// Name of the server, and what it is.
	Name string
	// Env is what a process needs in its environment in order to open URL.
	Env map[string]string
	// URL opens an empty bucket, by package backends.
	URL string
	// Unversioned is another one, where URL's keeps old versions.
	Unversioned string
	// Restrict returns what goes over Env in order to open URL as somebody who has
	// no rights but those of a policy. Nil where the server knows none.
	Restrict func(ctx context.Context, policy []byte) (map[string]string, error)

	stop func() error
}

// Close stops the server. It is an error if that fails.
func (s *Storage) Close() error { return s.stop() }

// ErrMissing: a server is not installed.
var ErrMissing = errors.New("server is not installed")

// process is a server in a process of its own.
type process struct {
	cmd    *exec.Cmd
	output bytes.Buffer // not to be read before done
	done   chan struct{}
	err    error // set before done
}

// startTimeout is how long a server may take to listen.
const startTimeout = 30 * time.Second

// start runs a server until it listens on an address.
func start(ctx context.Context, address string, env []string, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...), done: make(chan struct{})}
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
			return nil, errors.Join(ctx.Err(), p.stop())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("%s does not listen on %s", name, address), p.stop())
		}
	}
}

func (p *process) stop() error {
	err := p.cmd.Process.Kill()
	<-p.done
	if errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s had ended: %w: %s", p.cmd.Path, p.err, p.output.Bytes())
	}
	return err
}

// freeAddress is one that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
