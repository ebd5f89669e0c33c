package ingesttest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// An upload bound to its length and digest, and the requests about its job.
func TestClient(t *testing.T) {
	p := ingesttest.New(t)
	file := []byte("{\"resourceType\":\"Patient\",\"id\":\"a\"}\nno JSON\n")
	sum := sha256.Sum256(file)
	ticket := p.Client.TicketFor(t, ingesttest.TicketRequest{
		ContentType: "application/fhir+ndjson", ContentLength: int64(len(file)), SHA256: hex.EncodeToString(sum[:]),
	})
	require.EqualValues(t, 3600, ticket.ExpiresIn)
	require.Equal(t, p.Clock.Now().Add(time.Hour), ticket.ExpiresAt)
	require.Equal(t, 400, p.Client.Put(t, ticket, file[1:]).Status)
	require.Equal(t, 200, p.Client.Put(t, ticket, file).Status)
	id := ticket.UploadID
	require.EqualValues(t, 1, p.Wait(t, id).Progress.Rejected)

	var job struct{ Status string }
	p.Client.Job(t, id).JSON(t, &job)
	require.Equal(t, "completed", job.Status)
	require.Contains(t, string(p.Client.Outcomes(t, id).Body), `"line":2`)
	require.Equal(t, 409, p.Client.Cancel(t, id).Status)
	require.Equal(t, 202, p.Client.Redrive(t, id).Status)
	p.WaitFor(t, id, func(j *jobs.Job) bool { return j.Run == 1 && j.State == jobs.Completed })
	require.Equal(t, 404, p.Client.As(ingesttest.OtherToken).Job(t, id).Status)
	require.NotEmpty(t, p.Client.PostBundle(t, []byte(
		`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient"}}]}`)).Issues, "no request")
}
