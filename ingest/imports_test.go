package ingest_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An importer of the library compiles no cloud SDK and no database driver except those that
// it imports itself. Package backends embeds SQLite.
func TestImportersCompileNoSDK(t *testing.T) {
	drivers := []string{"queue/pgnotify", "jobs/sqljobs/pgx", "jobs/sqljobs/sqlite", "internal/pgurl", "ingest/backends"}
	all, err := exec.Command("go", "list", "github.com/fhirdock/fhirdock/...").Output()
	require.NoError(t, err)
	args := []string{"list", "-deps"}
	for _, pkg := range strings.Fields(string(all)) {
		if !slices.Contains(drivers, strings.TrimPrefix(pkg, "github.com/fhirdock/fhirdock/")) {
			args = append(args, pkg)
		}
	}
	out, err := exec.Command("go", args...).Output()
	require.NoError(t, err)
	for _, pkg := range strings.Fields(string(out)) {
		for _, unwanted := range []string{
			"github.com/aws/", "github.com/Azure/", "cloud.google.com/", "google.golang.org/api/option", "google.golang.org/api/transport",
			"github.com/IBM/sarama", "github.com/rabbitmq/", "github.com/nats-io/", "go.mongodb.org/", "cloud.google.com/go/firestore",
			"modernc.org/", "github.com/jackc/", "github.com/lib/pq", "github.com/go-sql-driver/", "github.com/mattn/go-sqlite3",
			"github.com/go-json-experiment/", "github.com/stretchr/", "github.com/prometheus/",
		} {
			require.False(t, strings.HasPrefix(pkg, unwanted), "the library compiles %s", pkg)
		}
	}
	// The four base packages don't import one another.
	for pkg, others := range map[string][]string{
		"fhirbundle": {"blobstore", "queue", "jobs", "ingest"},
		"blobstore":  {"fhirbundle", "queue", "jobs", "ingest"},
		"queue":      {"fhirbundle", "blobstore", "jobs", "ingest"},
		"jobs":       {"fhirbundle", "blobstore", "queue", "ingest"},
	} {
		out, err := exec.Command("go", "list", "-deps", "github.com/fhirdock/fhirdock/"+pkg).Output()
		require.NoError(t, err)
		for _, other := range others {
			require.NotContains(t, string(out), "github.com/fhirdock/fhirdock/"+other+"\n", pkg)
		}
	}
	// fhirbundle only needs the standard library, and so does notify, except for the limits of
	// request bodies and log lines.
	for pkg, wanted := range map[string][]string{
		"fhirbundle":         {"fhirbundle/internal/scan", "fhirbundle"},
		"blobstore/notify":   {"blobstore/httpbody", "internal/loglimit", "blobstore/notify"},
		"blobstore/httpbody": {"blobstore/httpbody"},
	} {
		for i := range wanted {
			wanted[i] = "github.com/fhirdock/fhirdock/" + wanted[i]
		}
		out, err = exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "github.com/fhirdock/fhirdock/"+pkg).Output()
		require.NoError(t, err)
		require.Equal(t, wanted, strings.Fields(string(out)))
	}
}
