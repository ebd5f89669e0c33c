//go:build linux

package deploy

import (
	"bufio"
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
)

// instructions returns the Dockerfile's instructions, one a line.
func instructions(t *testing.T) []string {
	t.Helper()
	f, err := os.Open("Dockerfile")
	require.NoError(t, err)
	defer f.Close()
	var all []string
	line := ""
	for scan := bufio.NewScanner(f); scan.Scan(); {
		text := strings.TrimSpace(scan.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		more, goesOn := strings.CutSuffix(text, "\\")
		line += more
		if !goesOn {
			all, line = append(all, line), ""
		}
	}
	return all
}

// one returns the rest of the only instruction with this beginning.
func one(t *testing.T, all []string, beginning string) string {
	t.Helper()
	var found []string
	for _, line := range all {
		if rest, ok := strings.CutPrefix(line, beginning); ok {
			found = append(found, strings.TrimSpace(rest))
		}
	}
	require.Len(t, found, 1, beginning)
	return found[0]
}

// The program built with the Dockerfile's command runs as the image's user with only the
// files that the image has.
func TestDockerfile(t *testing.T) {
	if os.Getenv("FHIRDOCK_TEST_ALL") != "1" {
		t.Skip("SKIPPED: it builds the gateway without cgo, which takes a minute the first time; set FHIRDOCK_TEST_ALL=1")
	}
	all := instructions(t)
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))

	build := one(t, all, "RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build")
	require.Contains(t, build, "-o /out/gateway ")
	build = strings.ReplaceAll(build, "/out/gateway", filepath.Join(root, "gateway"))
	cmd := exec.Command("sh", "-ec", build)
	cmd.Dir = "../.." // the build context
	cmd.Env = append(os.Environ(), "TARGETOS=linux", "TARGETARCH="+runtime.GOARCH,
		"TAGS=noaws,nogcp,noazure,nokafka,nomongo") // all drivers take minutes with the same command
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))

	binary, err := elf.Open(filepath.Join(root, "gateway"))
	require.NoError(t, err)
	defer binary.Close()
	libraries, err := binary.ImportedLibraries()
	require.NoError(t, err)
	require.Empty(t, libraries)
	for _, p := range binary.Progs {
		require.NotEqual(t, elf.PT_INTERP, p.Type, "the program is static")
	}

	require.Equal(t, "SIGTERM", one(t, all, "STOPSIGNAL"))
	require.Equal(t, `["/gateway"]`, one(t, all, "ENTRYPOINT"))
	require.Contains(t, all, "FROM scratch")
	user := one(t, all, "USER")
	require.NotContains(t, ":"+user+":", ":0:")
	one(t, all, "COPY --from=build /etc/ssl/certs/ca-certificates.crt")
	require.Equal(t, "/out/data /data", one(t, all, "COPY --from=build --chown="+user))

	require.Zero(t, os.Geteuid(), "chroot needs root")
	require.Contains(t, all, "RUN mkdir -m 0700 /out/data")
	require.NoError(t, os.Mkdir(filepath.Join(root, "data"), 0o700))
	require.NoError(t, os.Chown(filepath.Join(root, "data"), 65532, 65532))
	require.NoError(t, os.Chmod(filepath.Dir(root), 0o711)) // above a test's folders
	env := strings.Fields(one(t, all, "ENV"))
	image := slices.Concat(env, []string{"chroot", "--userspec=" + user, root, "/gateway"})
	unset := proctest.Start(t, "env", image...)
	require.Equal(t, 2, unset.Exit(t, 20*time.Second))
	require.Contains(t, unset.Stderr.String(), "-token-file is needed", "a safe token is required")

	// With a safe token no -insecure flag is needed.
	const token = "8c1d7be02f6a4953b7d80c6e"
	file := filepath.Join(root, "data", "tokens")
	require.NoError(t, os.WriteFile(file, []byte(token+"=clinic\n"), 0o400))
	require.NoError(t, os.Chown(file, 65532, 65532))
	image = append(image, "-token-file", "/data/tokens", "-public-url", "http://localhost:8080")
	require.Contains(t, env, "FHIRDOCK_ADDR=0.0.0.0:8080")
	p := proctest.Start(t, "env", append(image, "-addr", "0.0.0.0:0")...) // the port may be taken
	base := "http://127.0.0.1:" + p.Wait(t, `"msg":"listening","url":"http://localhost:8080","addr":"[^"]+:([0-9]+)"`)[1]
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := &frontdoor.Client{Base: base, Token: token}
	const bundle = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}`
	receipt, err := c.PostBundle(ctx, strings.NewReader(bundle), int64(len(bundle)))
	require.NoError(t, err)
	job, err := c.Follow(ctx, receipt.JobID, nil)
	require.NoError(t, err)
	require.Equal(t, "completed", job.Status)
	info, err := os.Stat(filepath.Join(root, "data", "jobs.sqlite"))
	require.NoError(t, err)
	require.EqualValues(t, 65532, info.Sys().(*syscall.Stat_t).Uid, "the gateway runs as the image's user")
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	require.Len(t, entries, 2, "the gateway needs no other folder")
}
