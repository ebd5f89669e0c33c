//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/examples/internal/samples"
)

var binary string

func TestMain(m *testing.M) {
	if os.Getenv("RABBIT_SERVER_URL") == "" { // inherited by the programs that tests start
		_ = os.Setenv("RABBIT_SERVER_URL", "amqp://guest:guest@127.0.0.1:5672/")
	}
	proctest.Main(m, &binary)
}

// gateway starts the program on a free port and returns it once it listens.
func gateway(t testing.TB, data string, args ...string) (*proctest.Process, *frontdoor.Client) {
	t.Helper()
	p := proctest.Start(t, binary, append([]string{"-addr", "127.0.0.1:0", "-data", data}, args...)...)
	url := p.Wait(t, `msg=listening url=(http://[0-9.:]+)`)[1]
	return p, &frontdoor.Client{Base: url, Token: "dev"}
}

// follow waits for a job's end, for at most half a minute.
func follow(t testing.TB, c *frontdoor.Client, id string) *frontdoor.Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	job, err := c.Follow(ctx, id, nil)
	require.NoError(t, err)
	return job
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// strong is a secret that the gateway accepts.
const strong = "6f1c0de5a48b4d3c9be27780a1d2c3b4"

const tiny = `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient","id":"%s"}}]}`

func bundle(id string) io.Reader { return strings.NewReader(strings.Replace(tiny, "%s", id, 1)) }

// The README's calls work as printed, except for the address, since the port may be taken.
func TestReadmeCalls(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"curl", "sh", "sed", "tee"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: the README's calls need %s, which is not installed", tool)
		}
	}
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	var script string
	for _, block := range strings.Split(string(readme), "```sh\n")[1:] {
		if code, _, _ := strings.Cut(block, "```"); strings.Contains(code, "curl") {
			script += code
		}
	}
	require.Equal(t, 4, strings.Count(script, "curl "))

	data := t.TempDir()
	_, c := gateway(t, data)
	sh := exec.CommandContext(t.Context(), "sh", "-e", "-c", strings.ReplaceAll(script, "http://127.0.0.1:8080", c.Base))
	sh.Dir = t.TempDir()
	var out, errs bytes.Buffer
	sh.Stdout, sh.Stderr = &out, &errs
	require.NoError(t, sh.Run(), errs.String())

	// Every response is a JSON object: receipt, ticket, the PUT's response (if it has a
	// body), job.
	var answers []map[string]any
	for d := json.NewDecoder(&out); d.More(); {
		var a map[string]any
		require.NoError(t, d.Decode(&a))
		answers = append(answers, a)
	}
	require.GreaterOrEqual(t, len(answers), 3)
	receipt, ticket, last := answers[0], answers[1], answers[len(answers)-1]
	require.Equal(t, "accepted", receipt["status"])
	require.Equal(t, map[string]any{"Patient": 1.0}, receipt["resourceCount"])
	require.Equal(t, ticket["uploadId"], last["jobId"])
	require.Contains(t, []any{"accepted", "processing", "completed"}, last["status"])

	first := follow(t, c, receipt["jobId"].(string))
	require.Equal(t, "completed", first.Status)
	second := follow(t, c, ticket["uploadId"].(string))
	require.Equal(t, "completed", second.Status)
	require.EqualValues(t, 2, second.Progress.Done)
	// The output is where the README says.
	lake, err := os.ReadFile(filepath.Join(data, "blobs", "processed", "demo", second.JobID, "Patient.ndjson"))
	require.NoError(t, err)
	require.Equal(t, 2, bytes.Count(lake, []byte("\n")))
}

func TestOperations(t *testing.T) {
	t.Parallel()
	p, c := gateway(t, t.TempDir(), "-token", "s3cretToken=hospital:alice")
	for path, want := range map[string]string{"/healthz": `"ok"`, "/readyz": `"ready"`} {
		status, body := get(t, c.Base+path)
		require.Equal(t, 200, status)
		require.Contains(t, body, want)
	}
	c.Token = "s3cretToken"
	receipt, err := c.PostBundle(t.Context(), bundle("canary-1234"), -1)
	require.NoError(t, err)
	require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)
	ticket, err := c.UploadURL(t.Context(), "application/fhir+ndjson", 0)
	require.NoError(t, err)
	line := `{"resourceType":"Patient","id":"canary-5678"}`
	require.NoError(t, c.Upload(t.Context(), ticket, strings.NewReader(line), int64(len(line))))
	require.Equal(t, "completed", follow(t, c, ticket.UploadID).Status)
	resp, err := http.Get(c.Base + "/Patient/canary-9?name=canary-9")
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 404, resp.StatusCode)

	// The default token is invalid once others are given.
	_, err = (&frontdoor.Client{Base: c.Base, Token: "dev"}).PostBundle(t.Context(), bundle("x"), -1)
	require.ErrorContains(t, err, "401")

	_, text := get(t, c.Base+"/metrics")
	for _, line := range []string{
		`fhirdock_payloads_total{result="accepted",source="webhook"} 1`,
		`fhirdock_payloads_total{result="accepted",source="presigned_upload"} 1`,
		`fhirdock_jobs_finished_total{source="webhook",state="completed"} 1`,
		`fhirdock_resources_total{result="done"} 2`,
		`fhirdock_upload_urls_total 1`,
		`fhirdock_http_requests_total{method="POST",route="/v1/ingestion/fhir/Bundle",status="202"} 1`,
		`fhirdock_http_requests_total{method="GET",route="other",status="404"} 1`,
		"go_goroutines",
	} {
		require.Contains(t, text, line)
	}
	// Logs and metrics contain nothing of payloads, credentials or signatures.
	log := p.Stderr.String()
	require.Contains(t, log, "route=/v1/ingestion/fhir/Bundle status=202")
	for _, secret := range []string{"canary", "s3cretToken", "signature", "hospital"} {
		require.NotContains(t, text, secret)
		if secret != "hospital" { // the organization is in the keys of objects
			require.NotContains(t, log, secret)
		}
	}
}

// slowBundle begins to send a Bundle, and returns a function that sends the rest and
// returns the receipt. The front door is reading the body by then, since it begins with
// more white space than buffers on the way can hold.
func slowBundle(t *testing.T, c *frontdoor.Client) (rest func() (*frontdoor.Receipt, error)) {
	t.Helper()
	r, w := io.Pipe()
	body, err := io.ReadAll(bundle("slow"))
	require.NoError(t, err)
	space := bytes.Repeat([]byte{' '}, 32<<20)
	type answer struct {
		receipt *frontdoor.Receipt
		err     error
	}
	answered := make(chan answer, 1)
	go func() {
		receipt, err := c.PostBundle(context.WithoutCancel(t.Context()), r, int64(len(space)+len(body)))
		_ = r.CloseWithError(io.ErrClosedPipe) // or the writer would wait for ever
		answered <- answer{receipt, err}
	}()
	_, err = w.Write(space)
	require.NoError(t, err)
	return func() (*frontdoor.Receipt, error) {
		_, _ = w.Write(body)
		_ = w.Close()
		a := <-answered
		return a.receipt, a.err
	}
}

// A request in progress at SIGTERM is answered, its job is kept, and the process ends
// cleanly. New connections are refused meanwhile.
func TestDrain(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p, c := gateway(t, data, "-poll-every", "100ms")
	rest := slowBundle(t, c)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.Wait(t, `msg="draining`)
	require.Eventually(t, func() bool {
		_, err := (&http.Client{Transport: &http.Transport{}}).Get(c.Base + "/healthz")
		return err != nil
	}, 5*time.Second, 5*time.Millisecond, "new connections are refused")

	receipt, err := rest()
	require.NoError(t, err)
	require.Equal(t, "accepted", receipt.Status)
	require.Zero(t, p.Exit(t, 20*time.Second))

	_, c = gateway(t, data)
	require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)
}

// With -drain-delay requests are still accepted while /readyz sends the load balancer
// elsewhere.
func TestDrainDelay(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p, c := gateway(t, data, "-drain-delay", "2s", "-poll-every", "100ms")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.Wait(t, `msg="draining`)
	status, body := get(t, c.Base+"/readyz")
	require.Equal(t, 503, status)
	require.Contains(t, body, "draining")
	receipt, err := c.PostBundle(t.Context(), bundle("late"), -1)
	require.NoError(t, err)
	require.Zero(t, p.Exit(t, 20*time.Second))

	_, c = gateway(t, data)
	require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)
}

func TestSecondSignalStopsAtOnce(t *testing.T) {
	t.Parallel()
	p, c := gateway(t, t.TempDir(), "-drain-timeout", "10m")
	_ = slowBundle(t, c)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.Wait(t, `msg="draining`)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 128+int(syscall.SIGTERM), p.Exit(t, 10*time.Second))
}

// After a kill -9 in the middle of a large file another process finishes it, and the lake
// has each line once.
func TestKill(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	args := []string{"-batch-bytes", "256KiB", "-lease", "2s", "-sweep-every", "300ms"}
	file := samples.NDJSON(1, 30_000_000)

	var id string
	for try := 0; ; try++ {
		require.Less(t, try, 5, "the job was always done before it could be killed")
		p, c := gateway(t, data, args...)
		ticket, err := c.UploadURL(t.Context(), "application/fhir+ndjson", file.Size)
		require.NoError(t, err)
		id = ticket.UploadID
		require.NoError(t, c.Upload(t.Context(), ticket, file.Open(), file.Size))
		var job *frontdoor.Job
		require.Eventually(t, func() bool {
			job, err = c.Job(t.Context(), id)
			require.NoError(t, err)
			return job.Progress.Bytes > 0
		}, 20*time.Second, time.Millisecond)
		require.NoError(t, p.Process.Kill())
		p.Exit(t, 10*time.Second)
		if !job.Finished() && job.Progress.Bytes < file.Size {
			break
		}
	}

	_, c := gateway(t, data, args...)
	job := follow(t, c, id)
	require.Equal(t, "completed", job.Status)
	require.Equal(t, 2, job.Attempt)
	require.Equal(t, file.Lines, job.Progress.Done)
	require.Equal(t, file.Size, job.Progress.Bytes)

	want := map[string]int{}
	sent, err := io.ReadAll(file.Open())
	require.NoError(t, err)
	for line := range bytes.Lines(sent) {
		want[string(line)]++
	}
	got := map[string]int{}
	for _, o := range job.Outputs {
		raw, err := os.ReadFile(filepath.Join(data, "blobs", filepath.FromSlash(o.Key)))
		require.NoError(t, err)
		for line := range bytes.Lines(raw) {
			got[string(line)]++
		}
	}
	require.Len(t, got, len(want))
	for line, n := range want {
		if got[line] != n {
			t.Fatalf("a line is in the lake %d times, and was sent %d times", got[line], n)
		}
	}
}

// api and worker as separate processes on one folder: the worker learns of the job from
// its sweeper, which the api process must not hold up, however often it sweeps.
func TestRoles(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	api, c := gateway(t, data, "-role", "api", "-sweep-every", "20ms")
	worker, w := gateway(t, data, "-role", "worker", "-sweep-every", "500ms")
	require.Contains(t, api.Stderr.String(), "level=WARN")
	require.Contains(t, worker.Stderr.String(), "level=WARN")

	_, err := w.PostBundle(t.Context(), bundle("x"), -1)
	require.ErrorContains(t, err, "404")
	status, _ := get(t, w.Base+"/readyz")
	require.Equal(t, 200, status)

	receipt, err := c.PostBundle(t.Context(), bundle("x"), -1)
	require.NoError(t, err)
	require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)
}

// Everything in memory, by URL.
func TestMemory(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	_, c := gateway(t, data, "-blob", "mem://", "-topic", "mem://wake", "-subscription", "mem://wake")
	ticket, err := c.UploadURL(t.Context(), "application/fhir+ndjson", 0)
	require.NoError(t, err)
	line := `{"resourceType":"Patient","id":"a"}`
	require.NoError(t, c.Upload(t.Context(), ticket, strings.NewReader(line), int64(len(line))))
	require.Equal(t, "completed", follow(t, c, ticket.UploadID).Status)
	require.NoDirExists(t, filepath.Join(data, "blobs"))
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	occupied := filepath.Join(t.TempDir(), "occupied")
	require.NoError(t, os.WriteFile(occupied, nil, 0o600))
	folder := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"folder that can't be made": {[]string{"-data", filepath.Join(occupied, "data")}, occupied},
		"folder that is a file":     {[]string{"-data", occupied}, occupied},
		"unknown bucket":            {[]string{"-data", folder, "-blob", "ftp://bucket"}, "known are azblob, dir, file, gs, mem, s3"},
		"unknown topic":             {[]string{"-data", folder, "-topic", "redis://x", "-subscription", "redis://x"}, "rabbit"},
		"unknown job store":         {[]string{"-data", folder, "-jobs", "mysql://x"}, "sqlite"},
	} {
		p := proctest.Start(t, binary, append([]string{"-addr", "127.0.0.1:0"}, c.args...)...)
		require.Equal(t, 1, p.Exit(t, 20*time.Second), name)
		require.Contains(t, p.Stderr.String(), c.want, name)
		require.NotContains(t, p.Stderr.String(), "panic", name)
	}
}

// A folder that can be read and not written.
func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.Chmod(folder, 0o555))
	p := proctest.StartUnprivileged(t, binary, "-addr", "127.0.0.1:0", "-data", folder)
	require.Equal(t, 1, p.Exit(t, 20*time.Second))
	require.Contains(t, p.Stderr.String(), "data folder "+folder+" can't be written to")
	require.NotContains(t, p.Stderr.String(), "msg=listening")
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	_, c := gateway(t, t.TempDir())
	p := proctest.Start(t, binary, "-addr", strings.TrimPrefix(c.Base, "http://"), "-data", t.TempDir())
	require.Equal(t, 1, p.Exit(t, 20*time.Second))
	require.Contains(t, p.Stderr.String(), "-addr")
}
