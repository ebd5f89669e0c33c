package objectstores

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// binary finds a server that is installed: where a variable of the environment
// says, on the PATH, or in this user's cache. With FHIRDOCK_TEST_ALL=1 it is
// installed there.
func binary(ctx context.Context, variable, name, version, inFolder string, install func(folder string) []string) (string, error) {
	if path := os.Getenv(variable); path != "" {
		return path, nil
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "fhirdock", name+"-"+version)
	path := filepath.Join(folder, inFolder)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if os.Getenv("FHIRDOCK_TEST_ALL") != "1" {
		return "", fmt.Errorf("%w: %s; set %s to where it is, or FHIRDOCK_TEST_ALL=1 to have it installed", ErrMissing, name, variable)
	}
	if err := installInto(ctx, folder, install); err != nil {
		return "", fmt.Errorf("%w: install %s: %w", ErrMissing, name, err)
	}
	return path, nil
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
