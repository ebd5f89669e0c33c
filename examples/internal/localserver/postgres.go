//go:build unix

package localserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Postgres is a separate PostgreSQL server, for faults that would disturb others on a
// shared one.
type Postgres struct {
	// Address is HOST:PORT. The user postgres needs no password.
	Address string

	folder  string
	program []string
	isReady []string
	process *Process
}

// StartPostgres creates a database cluster in a temporary folder and starts its server. It
// returns [ErrMissing] if PostgreSQL is not installed. Call Remove after use.
func StartPostgres(ctx context.Context) (p *Postgres, err error) {
	bin, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	p = &Postgres{}
	if p.Address, err = FreeAddress(); err != nil {
		return nil, err
	}
	if p.folder, err = os.MkdirTemp("", "fhirdock-postgres-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(p.folder))
		}
	}()
	var as []string
	if os.Getuid() == 0 { // PostgreSQL does not run as root
		as = []string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"}
		if out, err := exec.CommandContext(ctx, "chown", "postgres", p.folder).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("chown: %w: %s", err, out)
		}
	}
	data := filepath.Join(p.folder, "data")
	initdb := slices.Concat(as, []string{filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "--encoding=UTF8"})
	cmd := exec.CommandContext(ctx, initdb[0], initdb[1:]...)
	cmd.Dir = p.folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	host, port, err := net.SplitHostPort(p.Address)
	if err != nil {
		return nil, err
	}
	p.program = slices.Concat(as, []string{filepath.Join(bin, "postgres"), "-D", data, "-h", host, "-p", port, "-k", ""})
	p.isReady = []string{filepath.Join(bin, "pg_isready"), "-q", "-h", host, "-p", port}
	return p, p.Restart(ctx)
}

// postgresPrograms returns the folder of the newest version's programs.
func postgresPrograms() (string, error) {
	// Debian's folder.
	if found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); err == nil && len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("%w: PostgreSQL", ErrMissing)
	}
	return filepath.Dir(path), nil
}

// Restart starts the server after [Postgres.Kill], and waits until it accepts clients.
func (p *Postgres) Restart(ctx context.Context) (err error) {
	if p.process, err = Start(ctx, p.Address, nil, p.program[0], p.program[1:]...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for { // it listens before it accepts clients
		if exec.CommandContext(ctx, p.isReady[0], p.isReady[1:]...).Run() == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-p.process.done:
			return fmt.Errorf("PostgreSQL ended: %w: %s", p.process.err, p.process.output.Bytes())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), p.Kill())
		}
	}
}

// Signal sends a signal to all of the server's processes.
func (p *Postgres) Signal(s syscall.Signal) error {
	pid := p.process.cmd.Process.Pid
	// Keep it from starting more.
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	out, err := exec.Command("pgrep", "-P", strconv.Itoa(pid)).Output()
	if err != nil {
		return fmt.Errorf("pgrep: %w", err)
	}
	for child := range strings.FieldsSeq(string(out)) {
		n, err := strconv.Atoi(child)
		if err != nil {
			return err
		}
		_ = syscall.Kill(n, s) // it may have ended
	}
	return syscall.Kill(pid, s)
}

// Kill ends all of the server's processes with SIGKILL.
func (p *Postgres) Kill() error {
	err := p.Signal(syscall.SIGKILL)
	if err == nil {
		<-p.process.done
	}
	return err
}

// Remove stops the server and removes its folder.
func (p *Postgres) Remove() error {
	return errors.Join(p.Kill(), os.RemoveAll(p.folder))
}
