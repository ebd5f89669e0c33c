// Package secretfile reads secrets from files that only the program may read, and detects
// weak secrets.
package secretfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// maxSize of a file, in bytes.
const maxSize = 1 << 20

// Lines reads a file of secrets, one a line, and ignores empty lines and lines that begin
// with #. It is an error if others may read or change the file, or if it has no secrets.
func Lines(path string) ([]string, error) {
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("the file %s is empty", path)
	}
	return lines, nil
}

func read(path string) (string, error) {
	// Follow links: Kubernetes mounts secrets as links.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path) // opening a pipe could block
	}
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return "", err
	}
	if err := Private(path, info); err != nil {
		return "", err
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	switch {
	case err != nil:
		return "", err
	case len(raw) > maxSize:
		return "", fmt.Errorf("the file %s is larger than %d bytes", path, maxSize)
	}
	return string(bytes.TrimPrefix(raw, []byte("\ufeff"))), nil
}

// Private returns an error with advice if other users may read or change a file. Its group
// may read it, since Kubernetes gives secrets to non-root processes that way. On Windows,
// which has no such permissions, it returns nil.
func Private(path string, info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o027 != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("other users may read or change %s (its mode is %#o): run chmod 600 on it; in Kubernetes set defaultMode: 0400 and fsGroup, in Compose the secret's mode: 0400", path, mode)
	}
	return nil
}

// MinLength is the minimum number of characters of a secret.
const MinLength = 16

// Errors of [Check].
var (
	errShort    = fmt.Errorf("has fewer than %d characters", MinLength)
	errConstant = errors.New("repeats a few characters")
	errExample  = errors.New("is an example from documentation")
)

// Check returns an error if a secret can be guessed: if it is short, repeats a few
// characters, or is a published example. The error ends a sentence, and does not quote the
// secret. Secrets of 16 random bytes pass, such as from openssl rand -hex 16.
func Check(secret string) error {
	distinct := map[rune]bool{}
	for _, c := range secret {
		distinct[c] = true
	}
	switch {
	case len(secret) < MinLength:
		return errShort
	case len(distinct) < 6:
		return errConstant
	}
	for _, example := range examples {
		if strings.Contains(strings.ToLower(secret), example) {
			return errExample
		}
	}
	return nil
}

// examples are published secrets and placeholders, in lower case.
var examples = []string{
	"mfkq9r8gkyqrtwjupd8ilpzio2lalasw", // Standard Webhooks
	"0123456789abcdef", "abcdefghijklmnop", "changeme", "change-me", "change_me", "your-secret", "your_secret", "replace-me", "example",
}
