package objectstores_test

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/examples/internal/objectstores"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/ingest/sink"
	"github.com/fhirdock/fhirdock/jobs"
)

// The policy on the S3 page is enough for a gateway, and allows nothing else.
func TestS3Policy(t *testing.T) {
	s := objectstores.Lend(t, objectstores.In(t.TempDir(), objectstores.S3))
	page, err := os.ReadFile("../../../blobstore/cloud/s3upload/README.md")
	require.NoError(t, err)
	_, policy, _ := strings.Cut(string(page), "```json\n")
	policy, _, found := strings.Cut(policy, "```")
	require.True(t, found)
	env, err := s.Restrict(t.Context(), []byte(policy))
	require.NoError(t, err)
	for name, value := range env {
		t.Setenv(name, value)
	}
	b := open(t, s.URL)

	lake, err := sink.NewLake(b.store, nil)
	require.NoError(t, err)
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Store: b.store, Handler: lake,
	})
	require.NoError(t, p.Service.Ready(t.Context()))

	accepted := p.Client.PostBundle(t, []byte(`{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient"}}]}`))
	require.Equal(t, jobs.Completed, p.Wait(t, accepted.JobID).State)

	// An upload that the sweeper finds on a second look, with something to reject.
	ticket := p.Client.TicketFor(t, ingesttest.TicketRequest{ContentType: ndjson})
	p.Advance(t, 31*time.Second)
	require.Equal(t, jobs.AwaitingUpload, mustGet(t, p, ticket.UploadID).State)
	status, body := as(ticket.Method, ticket.UploadURL, ticket.Headers, append([]byte("not JSON\n"), payload...)).send(t)
	require.Equal(t, 200, status, body)
	p.Advance(t, 61*time.Second)
	job := p.Wait(t, ticket.UploadID)
	require.Equal(t, jobs.Completed, job.State, job.Failure)
	require.Eventually(t, func() bool {
		_, err := b.store.Bucket().List(&blob.ListOptions{Prefix: "staging/"}).Next(t.Context())
		return err == io.EOF
	}, 10*time.Second, 50*time.Millisecond, "staged parts were not removed")

	err = b.store.Bucket().WriteAll(t.Context(), "elsewhere/a.json", []byte("x"), &blob.WriterOptions{ContentType: ndjson})
	require.Equal(t, gcerrors.PermissionDenied, gcerrors.Code(err), "outside of its prefixes: %v", err)
	_, err = open(t, s.Unversioned).store.Bucket().IsAccessible(t.Context())
	require.Error(t, err, "another bucket")
}

func mustGet(t *testing.T, p *ingesttest.Pipeline, id string) *jobs.Job {
	t.Helper()
	job, err := p.Jobs.Get(t.Context(), id)
	require.NoError(t, err)
	return job
}
