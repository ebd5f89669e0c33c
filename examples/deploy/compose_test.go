//go:build unix

package deploy

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/objectstores"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

var binary string

func TestMain(m *testing.M) { proctest.MainOf(m, &binary, "../gateway") }

var secrets = types.Mapping{
	"POSTGRES_PASSWORD": "postgres-secret", "RABBITMQ_PASSWORD": "rabbit-secret", "S3_SECRET_KEY": "s3-secret",
	"S3_ROOT_SECRET_KEY": "s3-root-secret", "FHIRDOCK_TOKEN": clinicToken + "=clinic," + labToken + "=lab",
}

const (
	clinicToken = "8c1d7be02f6a4953b7d80c6e"
	labToken    = "35f0a9d4e8274c1bb26a7f91"
)

func load(t testing.TB, env types.Mapping) (*types.Project, error) {
	t.Helper()
	return loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: ".", ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml"}}, Environment: maps.Clone(env), // it is modified
	})
}

func compose(t testing.TB) *types.Project {
	t.Helper()
	p, err := load(t, secrets)
	require.NoError(t, err)
	return p
}

// The specification's own library parses the file, and all passwords come from the
// operator.
func TestComposeFile(t *testing.T) {
	p := compose(t)
	for name := range secrets {
		less := types.Mapping{}
		for other, value := range secrets {
			if other != name {
				less[other] = value
			}
		}
		_, err := load(t, less)
		require.ErrorContains(t, err, name, name)
	}
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for name := range secrets {
		require.Contains(t, string(readme), name, "README.md says how to create it")
	}

	for _, name := range []string{"api", "worker"} {
		s := p.Services[name]
		require.Equal(t, "service_completed_successfully", s.DependsOn["migrate"].Condition)
		require.Equal(t, "service_completed_successfully", s.DependsOn["bucket-key"].Condition)
		for variable, value := range s.Environment {
			require.NotContains(t, variable, "INSECURE")
			require.NotEqual(t, secrets["S3_ROOT_SECRET_KEY"], *value, "%s has the root key of the S3 server", name)
		}
		admin := *s.Environment["FHIRDOCK_ADMIN_ADDR"]
		for _, port := range s.Ports {
			require.False(t, strings.HasSuffix(admin, ":"+strconv.Itoa(int(port.Target))), "%s publishes the admin port", name)
		}
		for other, d := range s.DependsOn {
			if other != "migrate" && other != "bucket-key" {
				require.Equal(t, "service_healthy", d.Condition)
				require.NotNil(t, p.Services[other].HealthCheck, "%s waits for the health of %s", name, other)
			}
		}
		require.Equal(t, []string{"ALL"}, s.CapDrop)
		require.True(t, s.ReadOnly)
		require.Greater(t, time.Duration(*s.StopGracePeriod), 20*time.Second, "-drain-timeout")
		dockerfile := filepath.Join(s.Build.Context, s.Build.Dockerfile)
		require.FileExists(t, dockerfile)
	}
	for name, s := range p.Services {
		for _, port := range s.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, name)
		}
		require.NotContains(t, s.Image, "latest")
		for _, v := range s.Volumes {
			require.Contains(t, p.Volumes, v.Source, name)
		}
	}
	blob, err := url.Parse(*p.Services["api"].Environment["FHIRDOCK_BLOB"])
	require.NoError(t, err)
	endpoint, err := url.Parse(blob.Query().Get("endpoint"))
	require.NoError(t, err)
	require.Contains(t, p.Services["objects"].Networks["default"].Aliases, endpoint.Hostname())
	require.Equal(t, p.Services["objects"].Ports[0].Published, endpoint.Port())
	require.Equal(t, "/objects/buckets/"+blob.Host, p.Services["objects"].Volumes[0].Target, "the folder is the bucket")
}

// here has this machine's servers in place of the file's.
type here struct {
	objects  string // HOST:PORT
	postgres *servers.Lent
	rabbit   *servers.Lent
	uploads  *servers.Lent // a queue of the same server
}

// server returns RabbitMQ's URL.
func (h *here) server() string { return strings.TrimPrefix(h.rabbit.Env[0], "RABBIT_SERVER_URL=") }

// started starts a service with the file's command and environment, in which only the
// other servers' addresses are replaced.
func (h *here) started(t *testing.T, s types.ServiceConfig) *proctest.Process {
	t.Helper()
	var env []string
	for name, value := range s.Environment {
		v := *value
		switch name {
		case "FHIRDOCK_JOBS":
			require.Contains(t, v, "@postgres:5432/")
			v = h.postgres.Jobs
		case "RABBIT_SERVER_URL":
			require.Contains(t, v, "@rabbitmq:5672/")
			v = h.server()
		case "FHIRDOCK_NOTIFICATIONS":
			require.Equal(t, "rabbit://uploads", v)
			v = h.uploads.Subscription
		case "FHIRDOCK_TOPIC", "FHIRDOCK_SUBSCRIPTION": // other tests share the server
			require.Equal(t, "rabbit://wake-ups", v)
			v = h.rabbit.Topic
		case "FHIRDOCK_BLOB":
			require.Contains(t, v, "objects.localhost:7070")
			v = strings.ReplaceAll(v, "objects.localhost:7070", h.objects)
		case "FHIRDOCK_ADDR":
			require.Equal(t, "0.0.0.0:8080", v)
			v = "0.0.0.0:0"
		case "FHIRDOCK_ADMIN_ADDR":
			v = "127.0.0.1:0"
		}
		env = append(env, name+"="+v)
	}
	if s.Environment["FHIRDOCK_ADDR"] == nil {
		env = append(env, "FHIRDOCK_ADDR=127.0.0.1:0") // several share a network namespace
	}
	env = append(env, "FHIRDOCK_DATA="+t.TempDir()) // the image's data folder
	return proctest.Start(t, "env", slices.Concat(env, []string{binary}, s.Command)...)
}

// The file's services as processes: they start, find each other, and process a Bundle and
// an upload.
func TestComposeServices(t *testing.T) {
	p := compose(t)
	h := &here{postgres: proctest.Lend(t, servers.Postgres), rabbit: proctest.Lend(t, servers.Rabbit), uploads: proctest.Lend(t, servers.Rabbit)}
	h.objects = h.objectServer(t, p.Services["objects"])
	h.bucketKey(t, p.Services["bucket-key"])
	h.bucketKey(t, p.Services["bucket-key"]) // as after each "docker compose up"

	early := h.started(t, p.Services["api"])
	require.Equal(t, 1, early.Exit(t, 20*time.Second), "the api does not migrate the schema")
	require.Equal(t, 0, h.started(t, p.Services["migrate"]).Exit(t, 20*time.Second))
	worker := h.started(t, p.Services["worker"])
	worker.Wait(t, `msg=listening .*role=worker`)
	api := h.started(t, p.Services["api"])
	// By its own address and its public URL, without any -insecure flag.
	port := api.Wait(t, `msg=listening url=http://localhost:8080 addr=\S+:([0-9]+) role=api`)[1]
	require.NotContains(t, api.Stderr.String(), "for development")
	base := "http://127.0.0.1:" + port

	// Less than the half minute after which uploads without a notification are looked for.
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
	defer cancel()
	c := &frontdoor.Client{Base: base, Token: clinicToken}
	const bundle = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}`
	receipt, err := c.PostBundle(ctx, strings.NewReader(bundle), int64(len(bundle)))
	require.NoError(t, err)
	const line = `{"resourceType":"Patient","id":"a"}`
	ticket, err := c.UploadURL(ctx, "application/fhir+ndjson", int64(len(line)))
	require.NoError(t, err)
	require.NoError(t, c.Upload(ctx, ticket, strings.NewReader(line), int64(len(line))))
	for _, id := range []string{receipt.JobID, ticket.UploadID} {
		job, err := c.Follow(ctx, id, nil)
		require.NoError(t, err)
		require.Equal(t, "completed", job.Status)
		_, err = (&frontdoor.Client{Base: base, Token: labToken}).Job(ctx, id)
		var refusal *frontdoor.Refusal
		require.ErrorAs(t, err, &refusal)
		require.Equal(t, 404, refusal.Status)
	}
	require.Contains(t, worker.Stderr.String(), "job finished")
	require.NotContains(t, api.Stderr.String(), "job finished")
	for _, process := range []*proctest.Process{api, worker} { // like docker stop
		require.NoError(t, process.Process.Signal(syscall.SIGTERM))
		require.Equal(t, 0, process.Exit(t, 30*time.Second))
	}
}

// objectServer starts the file's S3 server with its own command, on folders of the test.
func (h *here) objectServer(t *testing.T, s types.ServiceConfig) string {
	t.Helper()
	objectstores.Lend(t, objectstores.In(t.TempDir(), objectstores.S3)) // installs it, or skips
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	root := t.TempDir()
	for _, v := range s.Volumes { // as Docker mounts them
		require.NoError(t, os.MkdirAll(filepath.Join(root, v.Target), 0o755))
	}
	command := slices.Clone([]string(s.Command))
	for i, arg := range command {
		if strings.HasPrefix(arg, "/objects/") {
			command[i] = filepath.Join(root, arg)
		}
		if arg == ":7070" {
			command[i] = address
		}
	}
	var env []string
	for name, value := range s.Environment {
		v := *value
		switch name {
		case "VGW_EVENT_RABBITMQ_URL":
			require.Contains(t, v, "@rabbitmq:5672/")
			v = h.server()
		case "VGW_EVENT_RABBITMQ_ROUTING_KEY":
			require.Equal(t, "uploads", v)
			v = strings.TrimPrefix(h.uploads.Subscription, "rabbit://")
		}
		env = append(env, name+"="+v)
	}
	version := s.Image[strings.LastIndex(s.Image, ":")+1:]
	proctest.Start(t, "env", slices.Concat(env, []string{installed(t, version)}, command)...)
	check := s.HealthCheck.Test[len(s.HealthCheck.Test)-1]
	require.Equal(t, "http://127.0.0.1:7070/healthz", check)
	require.Eventually(t, func() bool {
		return exec.Command("curl", "-fsS", "http://"+address+"/healthz").Run() == nil
	}, 10*time.Second, 50*time.Millisecond)
	return address
}

// bucketKey runs the service that creates the gateways' key, and checks that the key is
// only valid for the bucket.
func (h *here) bucketKey(t *testing.T, s types.ServiceConfig) {
	t.Helper()
	require.Equal(t, []string{"/bin/sh", "-ec"}, []string(s.Entrypoint))
	tool := filepath.Dir(installed(t, s.Image[strings.LastIndex(s.Image, ":")+1:]))
	run := func(env map[string]string, command ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
		cmd.Env = []string{"PATH=" + tool + string(os.PathListSeparator) + os.Getenv("PATH")}
		for name, value := range env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	env := map[string]string{}
	for name, value := range s.Environment {
		env[name] = strings.ReplaceAll(*value, "objects:7070", h.objects)
	}
	out, err := run(env, slices.Concat([]string(s.Entrypoint), []string(s.Command))...)
	require.NoError(t, err, out)

	env["ADMIN_ACCESS_KEY_ID"], env["ADMIN_SECRET_ACCESS_KEY"] = "gateway", secrets["S3_SECRET_KEY"]
	out, err = run(env, "versitygw", "admin", "list-users")
	require.Error(t, err, out)
	out, err = run(env, "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--aws-sigv4", "aws:amz:us-east-1:s3",
		"--user", "gateway:"+secrets["S3_SECRET_KEY"], "http://"+h.objects+"/another")
	require.NoError(t, err, out)
	require.Equal(t, "403", out, "the key can't create a bucket")
}

// installed returns the path of package objectstores' versitygw.
func installed(t *testing.T, version string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	for _, path := range []string{os.Getenv("FHIRDOCK_TEST_VERSITYGW"), filepath.Join(cache, "fhirdock", "versitygw-"+version, "versitygw")} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	path, err := exec.LookPath("versitygw")
	if errors.Is(err, exec.ErrNotFound) {
		require.Fail(t, "compose.yaml has another version than the tests install", version)
	}
	require.NoError(t, err)
	return path
}
