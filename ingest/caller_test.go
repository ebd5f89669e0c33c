package ingest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// If an authenticator forgets the organization, every method refuses the request.
func TestCallerWithoutAnOrganization(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	for _, org := range []string{"", "a/b", strings.Repeat("a", 65)} {
		who := ingest.Caller{OrganizationID: org}
		calls := map[string]func() error{
			"Accept": func() error {
				_, err := p.Service.Accept(t.Context(), who, ingest.AcceptRequest{Body: strings.NewReader("{}")})
				return err
			},
			"SignUpload": func() error {
				_, err := p.Service.SignUpload(t.Context(), who, ingest.UploadRequest{})
				return err
			},
			"Job":      func() error { _, err := p.Service.Job(t.Context(), who, jobs.NewID()); return err },
			"Jobs":     func() error { _, err := p.Service.Jobs(t.Context(), who, ingest.ListRequest{}); return err },
			"Outcomes": func() error { _, err := p.Service.Outcomes(t.Context(), who, jobs.NewID()); return err },
			"Cancel":   func() error { _, err := p.Service.Cancel(t.Context(), who, jobs.NewID()); return err },
			"Redrive":  func() error { _, err := p.Service.Redrive(t.Context(), who, jobs.NewID()); return err },
		}
		for name, call := range calls {
			require.ErrorIs(t, call(), ingest.ErrForbidden, "%s of %q", name, org)
		}
	}
}
