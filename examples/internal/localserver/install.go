// Package localserver installs third-party servers into the user's cache, and runs them on
// ports of this machine, for tests.
package localserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrMissing: a server is not installed.
var ErrMissing = errors.New("server is not installed")

// Binary returns the path of an installed server: from an environment variable, the PATH,
// or the user's cache. With FHIRDOCK_TEST_ALL=1 it is installed into the cache with the
// command that install returns; its path there is inFolder.
func Binary(ctx context.Context, variable, name, version, inFolder string, install func(folder string) []string) (string, error) {
	if path := os.Getenv(variable); path != "" {
		return path, nil
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	folder, err := cached(ctx, name+"-"+version, "set "+variable+" to where it is, or ", install)
	return filepath.Join(folder, inFolder), err
}

// NodePackages returns a folder of the user's cache with npm packages, for NODE_PATH, and
// installs them as [Binary] does. Each has its version. Node.js must be installed.
func NodePackages(ctx context.Context, packages ...string) (string, error) {
	if _, err := exec.LookPath("node"); err != nil {
		return "", fmt.Errorf("%w: Node.js", ErrMissing)
	}
	name := strings.NewReplacer("@", "-", "/", "-").Replace(strings.Join(packages, "+"))
	folder, err := cached(ctx, name, "set ", func(folder string) []string { return NPM(folder, packages...) })
	return filepath.Join(folder, "node_modules"), err
}

// NPM returns the command that installs packages into a folder.
func NPM(folder string, packages ...string) []string {
	return append([]string{"npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error"}, packages...)
}

// cached returns a folder of the cache with the result of install.
func cached(ctx context.Context, name, otherwise string, install func(folder string) []string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "fhirdock", name)
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if os.Getenv("FHIRDOCK_TEST_ALL") != "1" {
		return "", fmt.Errorf("%w: %s; %sFHIRDOCK_TEST_ALL=1 to install it", ErrMissing, name, otherwise)
	}
	if err := installInto(ctx, folder, install); err != nil {
		return "", fmt.Errorf("%w: install %s: %w", ErrMissing, name, err)
	}
	return folder, nil
}

// installInto runs an installation, and renames its folder once it is complete. Tests of
// several packages may run it at the same time.
func installInto(ctx context.Context, folder string, install func(folder string) []string) error {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	unlock, err := lock(folder + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(folder); err == nil {
		return nil // installed by the previous holder of the lock
	}
	half, err := os.MkdirTemp(filepath.Dir(folder), filepath.Base(folder)+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(half)
	args := install(half)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "GOBIN="+half, "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	if err := os.Chmod(half, 0o755); err != nil {
		return err
	}
	return os.Rename(half, folder)
}
