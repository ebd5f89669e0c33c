package natsqueue

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ownServer is a server for one test, which can kill it and delete its store.
type ownServer struct {
	address string
	folder  string // its store
	config  string // further configuration
	cmd     *exec.Cmd
}

// newServer chooses an address, and starts nothing yet. Without nats-server in PATH it
// skips the test, or fails it if FHIRDOCK_TEST_ALL is 1.
func newServer(t *testing.T) *ownServer {
	t.Helper()
	if _, err := exec.LookPath("nats-server"); err != nil {
		if os.Getenv("FHIRDOCK_TEST_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	s := &ownServer{address: l.Addr().String(), folder: filepath.Join(t.TempDir(), "store")}
	t.Cleanup(s.kill)
	return s
}

func (s *ownServer) start(t *testing.T) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nats.conf")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "listen: %q\njetstream: {store_dir: %q}\n%s", s.address, s.folder, s.config), 0o600))
	s.cmd = exec.Command("nats-server", "-c", file)
	require.NoError(t, s.cmd.Start())
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", s.address)
		return err == nil && conn.Close() == nil
	}, 20*time.Second, 10*time.Millisecond)
}

func (s *ownServer) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
	s.cmd = nil
}

// loseStore kills the server and deletes its store.
func (s *ownServer) loseStore(t *testing.T) {
	t.Helper()
	s.kill()
	require.NoError(t, os.RemoveAll(s.folder))
}
