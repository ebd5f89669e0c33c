// Package localserver has what tests need in order to start servers of others: it installs
// them into this user's cache, and runs them on ports of this machine.
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

// Binary finds a server that is installed: where a variable of the environment
// says, on the PATH, or in this user's cache. With FHIRDOCK_TEST_ALL=1 it is
// installed there, by the command that install returns, and is then inFolder.
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

// NodePackages finds packages of npm, each with its version, in a folder of this user's
// cache, or installs them there as [Binary] does. The folder is one for NODE_PATH. They
// are those of Node.js, which must be there.
func NodePackages(ctx context.Context, packages ...string) (string, error) {
	if _, err := exec.LookPath("node"); err != nil {
		return "", fmt.Errorf("%w: Node.js", ErrMissing)
	}
	name := strings.NewReplacer("@", "-", "/", "-").Replace(strings.Join(packages, "+"))
	folder, err := cached(ctx, name, "set ", func(folder string) []string { return NPM(folder, packages...) })
	return filepath.Join(folder, "node_modules"), err
}

// NPM is the command that installs packages into a folder.
func NPM(folder string, packages ...string) []string {
	return append([]string{"npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error"}, packages...)
}

// cached is a folder of the cache that has what install puts into it.
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
		return "", fmt.Errorf("%w: %s; %sFHIRDOCK_TEST_ALL=1 to have it installed", ErrMissing, name, otherwise)
	}
	if err := installInto(ctx, folder, install); err != nil {
		return "", fmt.Errorf("%w: install %s: %w", ErrMissing, name, err)
	}
	return folder, nil
}

// installInto runs a command that installs something, and gives the folder its name
// once all is in it. The tests of several packages come here at the same time.
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
		return nil // who had the lock before did it
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
