//go:build unix && !noaws

package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/objectstores"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/ingest/backends"
)

// A gateway on a cloud's object store needs another URL and its environment.
func TestClouds(t *testing.T) {
	for name, start := range map[string]func(context.Context) (*objectstores.Storage, error){
		"S3":    objectstores.In(t.TempDir(), objectstores.S3),
		"GCS":   objectstores.In(t.TempDir(), objectstores.GCS),
		"Azure": objectstores.Azure,
	} {
		t.Run(name, func(t *testing.T) {
			s := objectstores.Lend(t, start)
			_, c := gateway(t, t.TempDir(), "-blob", s.URL)
			status, body := get(t, c.Base+"/readyz")
			require.Equal(t, http.StatusOK, status, body)
			receipt, err := c.PostBundle(t.Context(), bundle("x"), -1)
			require.NoError(t, err)
			require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)

			const line = `{"resourceType":"Patient","id":"a"}`
			ticket, err := c.UploadURL(t.Context(), "application/fhir+ndjson", int64(len(line)))
			require.NoError(t, err)
			require.NotContains(t, ticket.UploadURL, c.Base, "the upload goes to the cloud")
			require.NoError(t, c.Upload(t.Context(), ticket, strings.NewReader(line), int64(len(line))))
			require.Error(t, c.Upload(t.Context(), ticket, strings.NewReader(line), int64(len(line))), "once")

			p := proctest.Start(t, binary, "-addr", "127.0.0.1:0", "-data", t.TempDir(), "-blob", s.URL, "-upload-expiry", "169h")
			require.Equal(t, 1, p.Exit(t, 20*time.Second))
			require.Contains(t, p.Stderr.String(), "UploadExpiry must be at most 168h")

			u, err := url.Parse(s.URL)
			require.NoError(t, err)
			u.Host = "there-is-no-such-bucket"
			p = proctest.Start(t, binary, "-addr", "127.0.0.1:0", "-data", t.TempDir(), "-blob", u.String())
			require.Equal(t, 1, p.Exit(t, 20*time.Second))
			require.Contains(t, p.Stderr.String(), "-blob: there is no such bucket")

			status, _ = get(t, c.Base+backends.ObjectsPath+"/"+ticket.Key)
			require.Equal(t, http.StatusNotFound, status, "the gateway serves no objects")
		})
	}
}
