package signedurl

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// LoadOrCreateSecret reads a secret of at least [MinSecret] bytes from a file. If the file
// is missing, it creates one that only its owner can read, in an existing folder. Concurrent
// processes get the same secret. It is an error if other users can read the file, if anyone
// but its owner can write it, or if all its bytes are equal.
func LoadOrCreateSecret(path string) ([]byte, error) {
	secret, err := readSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = createSecret(path); err == nil {
			secret, err = readSecret(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("signedurl: secret: %w", err)
	}
	switch {
	case len(secret) < MinSecret:
		return nil, fmt.Errorf("signedurl: the secret in %s has fewer than %d bytes", path, MinSecret)
	case bytes.Count(secret, secret[:1]) == len(secret):
		return nil, fmt.Errorf("signedurl: all bytes of the secret in %s are equal, so anyone could sign; remove the file to have a new secret created", path)
	}
	return secret, nil
}

func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o027 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("other users can read or change %s (its mode is %#o), so they could sign; run chmod 600 on it, or remove it to have a new secret created", path, mode)
	}
	return io.ReadAll(io.LimitReader(f, maxSecret))
}

// maxSecret is how many bytes of the file are read.
const maxSecret = 64 << 10

// createSecret creates the file atomically: the link fails if the file exists.
func createSecret(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // readable by its owner only
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	secret := make([]byte, MinSecret)
	rand.Read(secret) // never fails
	_, err = f.Write(secret)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Otherwise a power loss could remove the file and invalidate signed URLs. Errors are
	// ignored, because not every system can sync a folder (Windows can't).
	if folder, err := os.Open(filepath.Dir(path)); err == nil {
		_ = folder.Sync()
		_ = folder.Close()
	}
	return nil
}
