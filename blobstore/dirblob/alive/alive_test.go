package alive_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore/dirblob/alive"
)

// holder makes the test binary hold a lock in a folder instead of running tests.
const holder = "FHIRDOCK_ALIVE_HOLD"

func TestMain(m *testing.M) {
	dir := os.Getenv(holder)
	if dir == "" {
		os.Exit(m.Run())
	}
	lock, err := alive.Hold(dir)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(lock.Name())
	_, _ = io.Copy(io.Discard, os.Stdin) // at the latest until the test ends
	_ = lock.Close()
}

// process is another process that holds a lock.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	name  string
}

func start(t *testing.T, dir string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), holder+"="+dir)
	p.cmd.Stderr = os.Stderr
	var err error
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { p.stdin.Close(); _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	p.name = strings.TrimSpace(line)
	return p
}

func dead(t *testing.T, dir, name string) bool {
	t.Helper()
	is, err := alive.Dead(dir, name)
	require.NoError(t, err)
	return is
}

// proves skips a test on a file system whose locks prove nothing.
func proves(t *testing.T, dir string) {
	t.Helper()
	lock, err := alive.Hold(filepath.Join(dir, "probe"))
	require.NoError(t, err)
	defer lock.Close()
	names, err := alive.Names(filepath.Join(dir, "probe"))
	require.NoError(t, err)
	if len(names) == 0 {
		t.Skipf("SKIPPED: locks of files in %s prove nothing", dir)
	}
}

func TestKilledProcessIsDead(t *testing.T) {
	dir := t.TempDir()
	proves(t, dir)
	locks := filepath.Join(dir, "locks")
	killed, other := start(t, locks), start(t, locks)
	require.False(t, dead(t, locks, killed.name))
	require.NoError(t, alive.Remove(locks, killed.name), "a live process's lock is not removed")
	require.False(t, dead(t, locks, killed.name))

	require.NoError(t, killed.cmd.Process.Kill())
	_ = killed.cmd.Wait()
	for range 2 { // Dead changes nothing
		require.True(t, dead(t, locks, killed.name))
	}
	require.False(t, dead(t, locks, other.name))
	names, err := alive.Names(locks)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{killed.name, other.name}, names)

	for range 2 {
		require.NoError(t, alive.Remove(locks, killed.name))
		require.False(t, dead(t, locks, killed.name), "a name without a file is not dead")
	}
	names, err = alive.Names(locks)
	require.NoError(t, err)
	require.Equal(t, []string{other.name}, names)

	other.stdin.Close()
	require.NoError(t, other.cmd.Wait())
	names, err = alive.Names(locks)
	require.NoError(t, err)
	require.Empty(t, names, "a process that closes its lock leaves nothing")
}

func TestLockOfThisProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "locks")
	a, err := alive.Hold(dir)
	require.NoError(t, err)
	b, err := alive.Hold(dir)
	require.NoError(t, err)
	require.NotEqual(t, a.Name(), b.Name())
	require.False(t, dead(t, dir, a.Name()))
	for range 2 {
		require.NoError(t, a.Close())
		require.False(t, dead(t, dir, a.Name()))
	}
	require.NoError(t, b.Close())
	names, err := alive.Names(dir)
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestForeignNames(t *testing.T) {
	dir := t.TempDir()
	outside := strings.Repeat("A", 26)
	require.NoError(t, os.WriteFile(filepath.Join(dir, outside+".lock"), nil, 0o600))
	inside := filepath.Join(dir, "locks")
	require.NoError(t, os.Mkdir(inside, 0o700))
	for _, name := range []string{"", "../" + outside, outside + "/", strings.ToLower(outside), "A", strings.Repeat(".", 26), "../" + outside[3:]} {
		require.False(t, dead(t, inside, name), "%q", name)
		require.NoError(t, alive.Remove(inside, name))
	}
	require.False(t, dead(t, filepath.Join(dir, "missing"), outside))
	names, err := alive.Names(filepath.Join(dir, "missing"))
	require.NoError(t, err)
	require.Empty(t, names)
	require.NoError(t, os.Mkdir(filepath.Join(inside, outside+".lock"), 0o700))
	names, err = alive.Names(inside)
	require.NoError(t, err)
	require.Empty(t, names)
	require.FileExists(t, filepath.Join(dir, outside+".lock"))
}

func TestHoldNeedsTheParentFolder(t *testing.T) {
	_, err := alive.Hold(filepath.Join(t.TempDir(), "missing", "locks"))
	require.ErrorIs(t, err, os.ErrNotExist)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = alive.Hold(file)
	require.Error(t, err)
}

// Removing dead names never removes the name of a starting process.
func TestRemoveDuringHold(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "locks")
	stop := make(chan struct{})
	var tidying, holding sync.WaitGroup
	for range 2 {
		tidying.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				names, err := alive.Names(dir)
				if err != nil {
					t.Error(err)
				}
				for _, name := range names {
					if err := alive.Remove(dir, name); err != nil {
						t.Error(err)
					}
				}
				runtime.Gosched()
			}
		})
	}
	for range 4 {
		holding.Go(func() {
			for range 200 {
				lock, err := alive.Hold(dir)
				if err != nil {
					t.Error(err)
					return
				}
				runtime.Gosched()
				if is, err := alive.Dead(dir, lock.Name()); is || err != nil {
					t.Errorf("a live process is dead: %v, %v", is, err)
				}
				if err := lock.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	holding.Wait()
	close(stop)
	tidying.Wait()
}
