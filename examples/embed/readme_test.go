//go:build unix

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/localserver"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
)

// The program in README compiles as it stands, takes a Bundle, and drains on SIGTERM.
func TestReadmeProgram(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(readme, -1)
	require.NotEmpty(t, blocks)
	addr, err := localserver.FreeAddress()
	require.NoError(t, err)
	program := strings.Replace(string(blocks[0][1]), "127.0.0.1:8080", addr, 1)
	require.Contains(t, program, addr)
	folder, err := os.MkdirTemp(".", "testdata-readme-") // within this module, for its imports
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	require.NoError(t, os.WriteFile(filepath.Join(folder, "main.go"), []byte(program), 0o600))
	built := filepath.Join(t.TempDir(), "program")
	out, err := exec.Command("go", "build", "-o", built, "./"+folder).CombinedOutput()
	require.NoError(t, err, string(out))

	t.Chdir(t.TempDir())
	p := proctest.Start(t, built)
	c := &frontdoor.Client{Base: "http://" + addr, Token: "dev"}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const bundle = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"p1"}}]}`
	require.Eventually(t, func() bool {
		receipt, err := c.PostBundle(ctx, strings.NewReader(bundle), int64(len(bundle)))
		if err != nil {
			return false
		}
		job, err := c.Follow(ctx, receipt.JobID, nil)
		return err == nil && job.Status == "completed"
	}, 30*time.Second, 50*time.Millisecond)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.Exit(t, 20*time.Second))
	require.Contains(t, p.Stderr.String(), "Patient p1")
}
