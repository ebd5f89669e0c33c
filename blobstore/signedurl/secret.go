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

// LoadOrCreateSecret reads a secret of at least [MinSecret] bytes from a file. If there is
// no file it creates one that only its owner can read, in a folder that must exist;
// processes that do so at once all get the same secret. It is an error if anyone but the
// file's owner and group may read it, if anyone but its owner may write it, or if all of
// its bytes are the same.
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
		return nil, fmt.Errorf("signedurl: all bytes of the secret in %s are the same, so that anyone can sign; remove the file, and another secret is made", path)
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
		return nil, fmt.Errorf("other users may read or change %s (its mode is %#o), and sign with it; run chmod 600 on it, or remove it, and another one is made", path, mode)
	}
	return io.ReadAll(io.LimitReader(f, maxSecret))
}

// maxSecret is how much of a file is read, in bytes.
const maxSecret = 64 << 10

// createSecret makes the file all at once: a link fails where there is one.
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
	// A power loss could take the name away, and the URLs that were signed with it.
	// Not every system can sync a folder (Windows can't); they do without.
	if folder, err := os.Open(filepath.Dir(path)); err == nil {
		_ = folder.Sync()
		_ = folder.Close()
	}
	return nil
}
