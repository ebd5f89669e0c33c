// Package proctest builds a program of this module and runs it in tests.
package proctest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"sync"
	"testing"
	"time"
)

// Main builds the program in the current folder, sets binary to its path, and runs the
// tests. A TestMain only needs to call it. It does not return.
func Main(m *testing.M, binary *string) { MainOf(m, binary, ".") }

// MainOf is Main for tests that run the program of another package.
func MainOf(m *testing.M, binary *string, program string) {
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", "fhirdock-proctest-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(folder)
		if err := os.Chmod(folder, 0o755); err != nil { // see StartUnprivileged
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		*binary = filepath.Join(folder, "program.exe") // the suffix is harmless elsewhere
		args := append([]string{"build", "-o", *binary}, asThese()...)
		if out, err := exec.Command("go", append(args, program)...).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// asThese returns the flags of the tests' own build, for the program's: race detector and
// driver tags.
func asThese() (flags []string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	for _, s := range info.Settings {
		if s.Key == "-race" || s.Key == "-tags" {
			flags = append(flags, s.Key+"="+s.Value)
		}
	}
	return flags
}

// Process is a running program.
type Process struct {
	*exec.Cmd
	Stdout, Stderr *Buffer
	exited         chan struct{}
	err            error
}

// Start starts the program without any FHIRDOCK_ variables of the environment.
// It is killed at the end of the test if it still runs.
func Start(t testing.TB, binary string, args ...string) *Process {
	t.Helper()
	p := prepare(t, binary, args)
	if err := p.start(t); err != nil {
		t.Fatal(err)
	}
	return p
}

// StartReading is Start for a program that reads its standard input.
func StartReading(t testing.TB, binary string, stdin io.Reader, args ...string) *Process {
	t.Helper()
	p := prepare(t, binary, args)
	p.Stdin = stdin
	if err := p.start(t); err != nil {
		t.Fatal(err)
	}
	return p
}

func prepare(t testing.TB, binary string, args []string) *Process {
	t.Helper()
	p := &Process{Cmd: exec.Command(binary, args...), Stdout: &Buffer{}, Stderr: &Buffer{}, exited: make(chan struct{})}
	p.Cmd.Stdout, p.Cmd.Stderr = p.Stdout, p.Stderr
	p.Dir = t.TempDir()
	for _, v := range os.Environ() {
		if !bytes.HasPrefix([]byte(v), []byte("FHIRDOCK_")) {
			p.Env = append(p.Env, v)
		}
	}
	return p
}

func (p *Process) start(t testing.TB) error {
	if err := p.Start(); err != nil {
		return err
	}
	go func() {
		p.err = p.Cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.exited
		if t.Failed() {
			t.Logf("stderr of %v:\n%s", p.Args[1:], p.Stderr.String())
		}
	})
	return nil
}

// Exit waits for the program's end and returns its exit code, -1 if a signal ended it. The
// test fails after the timeout.
func (p *Process) Exit(t testing.TB, timeout time.Duration) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.ProcessState.ExitCode()
	case <-time.After(timeout):
		t.Fatalf("the program is still running after %s", timeout)
		return 0
	}
}

// Wait waits until the program's stderr matches, and returns the match and its groups.
func (p *Process) Wait(t testing.TB, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		changed := p.Stderr.changed()
		if found := re.FindStringSubmatch(p.Stderr.String()); found != nil {
			return found
		}
		select {
		case <-changed:
		case <-p.exited:
			if found := re.FindStringSubmatch(p.Stderr.String()); found != nil {
				return found
			}
			t.Fatalf("the program ended before its stderr matched %s:\n%s", pattern, p.Stderr.String())
		case <-ctx.Done():
			t.Fatalf("the program's stderr does not match %s:\n%s", pattern, p.Stderr.String())
		}
	}
}

// Buffer holds a program's output. It is safe for concurrent use.
type Buffer struct {
	mu   sync.Mutex
	b    bytes.Buffer
	more chan struct{}
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.more != nil {
		close(b.more)
		b.more = nil
	}
	return b.b.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// changed returns a channel that is closed by the next write.
func (b *Buffer) changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.more == nil {
		b.more = make(chan struct{})
	}
	return b.more
}
