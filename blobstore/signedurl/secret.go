package signedurl

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// LoadOrCreateSecret reads a secret of at least [MinSecret] bytes from a file. Where
// there is none it makes one that only its owner can read, in a folder that must
// exist; who can read a file that is there already is not looked at. Of several
// processes that make it at once, all get the same.
func LoadOrCreateSecret(path string) ([]byte, error) {
	secret, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = createSecret(path); err == nil {
			secret, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("signedurl: secret: %w", err)
	}
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("signedurl: the secret in %s has fewer than %d bytes", path, MinSecret)
	}
	return secret, nil
}

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
