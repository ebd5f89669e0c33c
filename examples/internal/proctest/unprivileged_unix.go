//go:build unix

package proctest

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// nobody is a user that owns nothing. It need not have a name.
const nobody = 65534

// StartUnprivileged is Start for tests of file permissions, which don't apply to root: if
// the tests run as root, the program runs as another user. Folders that it needs must be
// folders of t.TempDir.
func StartUnprivileged(t testing.TB, binary string, args ...string) *Process {
	t.Helper()
	p := prepare(t, binary, args)
	if os.Geteuid() == 0 {
		p.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		// Only the owner may enter the parent of a test's temporary folders.
		if err := os.Chmod(filepath.Dir(p.Dir), 0o711); err != nil {
			t.Fatal(err)
		}
	}
	err := p.start(t)
	// Some containers have no other users.
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EPERM) {
		if os.Getenv("FHIRDOCK_TEST_ALL") == "1" {
			t.Fatalf("start as another user: %v", err)
		}
		t.Skipf("SKIPPED: the tests run as root and can't start a process as another user: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}
