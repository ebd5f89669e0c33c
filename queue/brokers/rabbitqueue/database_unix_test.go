//go:build unix

package rabbitqueue

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A server is killed and comes back with an empty database. The test starts its own, since
// other tests share the machine's.
func TestDatabaseDeleted(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED in short mode: starts a server twice, 15 seconds each")
	}
	program := "/usr/lib/rabbitmq/bin/rabbitmq-server" // Debian's; the one in PATH changes the user
	if _, err := os.Stat(program); err != nil {
		var missing error
		if program, missing = exec.LookPath("rabbitmq-server"); missing != nil {
			t.Skipf("SKIPPED: %v", missing)
		}
	}
	server := &ownServer{program: program, folder: t.TempDir(), port: freePort(t)}
	t.Cleanup(server.kill)
	server.start(t)
	t.Setenv(serverVariable, fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", server.port))
	p := newPipe(t, "exchange", "queue")
	p.passes(t, "at-first")
	server.kill()
	require.NoError(t, os.RemoveAll(filepath.Join(server.folder, "mnesia")))
	server.start(t)
	p.passes(t, "database-deleted")
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().(*net.TCPAddr).Port
}

// ownServer is a server that can be killed.
type ownServer struct {
	program, folder string
	port            int
	cmd             *exec.Cmd
}

func (s *ownServer) start(t *testing.T) {
	t.Helper()
	in := func(name string) string { return filepath.Join(s.folder, name) }
	require.NoError(t, os.WriteFile(in("plugins"), []byte("[].\n"), 0o600))
	s.cmd = exec.Command(s.program)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a shell and its children
	s.cmd.Env = append(os.Environ(),
		"HOME="+s.folder, fmt.Sprintf("RABBITMQ_NODENAME=fhirdock%d@localhost", s.port),
		"RABBITMQ_NODE_IP_ADDRESS=127.0.0.1", fmt.Sprintf("RABBITMQ_NODE_PORT=%d", s.port), fmt.Sprintf("RABBITMQ_DIST_PORT=%d", freePort(t)),
		"RABBITMQ_MNESIA_BASE="+in("mnesia"), "RABBITMQ_LOG_BASE="+in("log"), "RABBITMQ_PID_FILE="+in("pid"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+in("plugins"), "RABBITMQ_CONFIG_FILE="+in("none"), "ERL_EPMD_ADDRESS=127.0.0.1",
	)
	require.NoError(t, s.cmd.Start())
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		return err == nil && conn.Close() == nil
	}, 90*time.Second, 100*time.Millisecond)
}

func (s *ownServer) kill() {
	if s.cmd == nil {
		return
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait()
	s.cmd = nil
}
