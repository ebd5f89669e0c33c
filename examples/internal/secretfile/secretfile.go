// Package secretfile reads secrets from files that only the program may read, and
// finds those that are none.
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

// Lines reads a file of secrets, one a line, without empty lines and those that begin
// with #. It is an error if others may read or change the file, or if nothing is in it.
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
	// A link is followed: Kubernetes mounts secrets as such.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path) // to open a pipe could take for ever
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

// Private returns an error that says what to do if other users may read or change a
// file. Its group may read it: that is how Kubernetes gives secrets to a process that
// is not root. Windows has no such permissions, and there it is nil.
func Private(path string, info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o027 != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("other users may read or change %s (its mode is %#o): run chmod 600 on it; in Kubernetes set defaultMode: 0400 and fsGroup, in Compose the secret's mode: 0400", path, mode)
	}
	return nil
}

// MinLength is how many characters a secret must have.
const MinLength = 16

// Errors of [Check].
var (
	errShort    = fmt.Errorf("has fewer than %d characters", MinLength)
	errConstant = errors.New("repeats a few characters")
	errExample  = errors.New("is an example of a documentation")
)

// Check returns an error if a secret can be guessed: it is short, or made of a few
// characters again and again, or an example that is printed somewhere. The error is
// for the end of a sentence, and does not quote it. Secrets of 16 random bytes pass,
// such as those of openssl rand -hex 16.
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

// examples of secrets, and words that stand for one, in lower case.
var examples = []string{
	"mfkq9r8gkyqrtwjupd8ilpzio2lalasw", // of Standard Webhooks
	"0123456789abcdef", "abcdefghijklmnop", "changeme", "change-me", "change_me", "your-secret", "your_secret", "replace-me", "example",
}
