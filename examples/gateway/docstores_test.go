//go:build unix && !noaws

package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/docservers"
)

// A gateway with its jobs in a document database needs another URL and its environment.
func TestDocumentDatabases(t *testing.T) {
	for name, start := range map[string]func(context.Context, string) (*docservers.Server, error){
		"DynamoDB": docservers.DynamoDB, "Firestore": docservers.Firestore, "MongoDB": docservers.MongoDB,
	} {
		t.Run(name, func(t *testing.T) {
			s := docservers.Lend(t, start)
			url, err := s.Fresh(t.Context())
			require.NoError(t, err)
			_, c := gateway(t, t.TempDir(), "-jobs", url, "-order", "block")
			status, body := get(t, c.Base+"/readyz")
			require.Equal(t, http.StatusOK, status, body)
			receipt, err := c.PostBundle(t.Context(), bundle("x"), -1)
			require.NoError(t, err)
			require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)

			const line = `{"resourceType":"Patient","id":"a"}`
			ticket, err := c.UploadURL(t.Context(), "application/fhir+ndjson", int64(len(line)))
			require.NoError(t, err)
			require.NoError(t, c.Upload(t.Context(), ticket, strings.NewReader(line), int64(len(line))))
			require.Equal(t, "completed", follow(t, c, ticket.UploadID).Status)
		})
	}
}
