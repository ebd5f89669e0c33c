package ingest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

const ndjson = "application/fhir+ndjson"

func patients(n int) []byte {
	return []byte(strings.Repeat(`{"resourceType":"Patient","id":"p"}`+"\n", n))
}

func TestUploadIsAcceptedByItsNotification(t *testing.T) {
	p := ingesttest.New(t)
	id := p.Client.Upload(t, ndjson, patients(3))
	job := p.Wait(t, id)
	require.Equal(t, jobs.Completed, job.State)
	require.Equal(t, jobs.PresignedUpload, job.Source)
	require.Equal(t, map[string]int64{"Patient": 3}, job.ResourceCounts)
	require.Len(t, p.Sink.Resources(), 3)
}

func TestUploadIsFoundWithoutItsNotification(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{DropUploadNotifications: true})
	id := p.Client.Upload(t, ndjson, patients(3))
	require.Equal(t, jobs.AwaitingUpload, mustGet(t, p, id).State)
	p.Advance(t, time.Minute)
	require.Equal(t, jobs.Completed, p.Wait(t, id).State)
	require.Len(t, p.Sink.Resources(), 3)
}

func TestUploadThatNeverCameExpires(t *testing.T) {
	p := ingesttest.New(t)
	ticket := p.Client.Ticket(t, ndjson)
	for range 100 {
		p.Advance(t, time.Minute)
	}
	job := mustGet(t, p, ticket.UploadID)
	require.Equal(t, jobs.Expired, job.State)
	require.Equal(t, http.StatusForbidden, p.Client.Put(t, ticket, patients(1)).Status)

	for range 40 {
		p.Advance(t, time.Hour)
	}
	require.True(t, mustGet(t, p, ticket.UploadID).DueAt.IsZero(), "the sweeper stops looking")
}

// An upload may begin in time and end after its URL has expired: an upload that the store
// accepted is never lost, with or without its notification.
func TestUploadThatEndedLate(t *testing.T) {
	for name, notified := range map[string]bool{"notified": true, "notification lost": false} {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.New(t)
			ticket := p.Client.Ticket(t, ndjson)
			p.Advance(t, time.Minute)
			p.Advance(t, 65*time.Minute)
			require.Equal(t, jobs.Expired, mustGet(t, p, ticket.UploadID).State)

			require.NoError(t, p.Bucket.WriteAll(t.Context(), ticket.Key, patients(2), &blob.WriterOptions{ContentType: ndjson}))
			if notified {
				require.NoError(t, p.Service.ObjectCreated(t.Context(), notify.ObjectCreated{Bucket: ticket.Bucket, Key: ticket.Key}))
			} else {
				p.Advance(t, 2*time.Hour)
			}
			require.Equal(t, jobs.Completed, p.WaitFor(t, ticket.UploadID, func(j *jobs.Job) bool { return j.State == jobs.Completed }).State)
		})
	}
}

func TestUploadThatDoesNotMatchItsRequest(t *testing.T) {
	for name, c := range map[string]struct {
		req     ingest.UploadRequest
		written blob.WriterOptions
	}{
		"size":         {ingest.UploadRequest{ContentType: ndjson, ContentLength: 5}, blob.WriterOptions{ContentType: ndjson}},
		"too large":    {ingest.UploadRequest{ContentType: ndjson}, blob.WriterOptions{ContentType: ndjson}},
		"content type": {ingest.UploadRequest{ContentType: ndjson}, blob.WriterOptions{ContentType: "text/plain"}},
		"encoding":     {ingest.UploadRequest{ContentType: ndjson}, blob.WriterOptions{ContentType: ndjson, ContentEncoding: "gzip"}},
		"digest":       {ingest.UploadRequest{ContentType: ndjson, SHA256: strings.Repeat("0", 64)}, blob.WriterOptions{ContentType: ndjson}},
	} {
		t.Run(name, func(t *testing.T) {
			limit := int64(1 << 20)
			if name == "too large" {
				limit = int64(len(patients(1))) - 1
			}
			p := ingesttest.NewWithOptions(t, &ingesttest.Options{Service: ingest.Options{MaxUploadBytes: limit}})
			ticket, err := p.Service.SignUpload(t.Context(), caller, c.req)
			require.NoError(t, err)
			// Write to the bucket directly, like a store that enforces nothing.
			key := ticket.Job.Payload.Key
			require.NoError(t, p.Bucket.WriteAll(t.Context(), key, patients(1), &c.written))
			require.NoError(t, p.Service.ObjectCreated(t.Context(), notify.ObjectCreated{Bucket: "fhirdock", Key: key}))
			job := p.Wait(t, ticket.Job.ID)
			require.Equal(t, jobs.Failed, job.State)
			require.Equal(t, "upload-mismatch", job.Failure.Code)
			require.Empty(t, p.Sink.Resources(), "nothing was handed over")
		})
	}
}

// The accepted object is read, and nothing that replaced it, even of the same size.
func TestUploadIsPinnedWhenItIsAccepted(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	id := p.Client.Upload(t, ndjson, patients(3))
	job := mustGet(t, p, id)
	require.NotEmpty(t, job.Payload.Version)
	other := []byte(strings.ReplaceAll(string(patients(3)), `"p"`, `"q"`))
	require.NoError(t, p.Bucket.WriteAll(t.Context(), job.Payload.Key, other, &blob.WriterOptions{ContentType: ndjson}))
	wake, _ := startWorker(t, p, p.Sink, nil)
	wake(id)
	job = p.Wait(t, id)
	require.Equal(t, jobs.Failed, job.State)
	require.Equal(t, "payload-changed", job.Failure.Code)
	require.Empty(t, p.Sink.Resources())
}

func TestNotificationsAreNotTrusted(t *testing.T) {
	p := ingesttest.New(t)
	receipt, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
	require.NoError(t, err)
	p.Wait(t, receipt.Job.ID)
	ticket := p.Client.Ticket(t, ndjson)
	for name, n := range map[string]notify.ObjectCreated{
		"nobody asked":        {Bucket: "fhirdock", Key: "incoming/fhir/test-org/2030/01/01/" + jobs.NewID() + ".ndjson"},
		"another bucket":      {Bucket: "theirs", Key: ticket.Key},
		"another prefix":      {Bucket: "fhirdock", Key: "processed/x.ndjson"},
		"another tenant":      {Bucket: "fhirdock", Key: strings.Replace(ticket.Key, ingesttest.Organization, "other-org", 1)},
		"a webhook's payload": {Bucket: "fhirdock", Key: receipt.Job.Payload.Key},
		"junk":                {Bucket: "fhirdock", Key: "incoming/fhir/../\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(p.Events())
			require.NoError(t, p.Service.ObjectCreated(t.Context(), n))
			events := p.Events()
			require.Len(t, events, before+1)
			require.Equal(t, ingest.EventObjectIgnored, events[before].Kind)
		})
	}
	// A notification of an object that does not exist changes nothing either.
	require.NoError(t, p.Service.ObjectCreated(t.Context(), notify.ObjectCreated{Bucket: ticket.Bucket, Key: ticket.Key}))
	require.Equal(t, jobs.AwaitingUpload, mustGet(t, p, ticket.UploadID).State)
}

func TestRepeatedNotificationsHaveOneEffect(t *testing.T) {
	p := ingesttest.New(t)
	ticket := p.Client.Ticket(t, ndjson)
	p.Client.Put(t, ticket, patients(2))
	for range 10 {
		require.NoError(t, p.Service.ObjectCreated(t.Context(), notify.ObjectCreated{Bucket: ticket.Bucket, Key: ticket.Key}))
	}
	p.Wait(t, ticket.UploadID)
	p.Advance(t, time.Hour)
	require.Len(t, p.Sink.Resources(), 2)
}

func TestSignUploadUnderAnIdempotencyKey(t *testing.T) {
	p := ingesttest.New(t)
	req := ingest.UploadRequest{ContentType: ndjson, IdempotencyKey: "k"}
	first, err := p.Service.SignUpload(t.Context(), caller, req)
	require.NoError(t, err)
	again, err := p.Service.SignUpload(t.Context(), caller, req)
	require.NoError(t, err)
	require.Equal(t, first.Job.ID, again.Job.ID)
	require.Equal(t, first.Job.Payload.Key, again.Job.Payload.Key)

	other := req
	other.ContentLength = 7
	_, err = p.Service.SignUpload(t.Context(), caller, other)
	require.ErrorIs(t, err, ingest.ErrKeyReused)

	require.NoError(t, p.Bucket.WriteAll(t.Context(), first.Job.Payload.Key, patients(1), &blob.WriterOptions{ContentType: ndjson}))
	require.NoError(t, p.Service.ObjectCreated(t.Context(), notify.ObjectCreated{Bucket: "fhirdock", Key: first.Job.Payload.Key}))
	p.Wait(t, first.Job.ID)
	_, err = p.Service.SignUpload(t.Context(), caller, req)
	require.ErrorIs(t, err, ingest.ErrState)
}

func mustGet(t *testing.T, p *ingesttest.Pipeline, id string) *jobs.Job {
	t.Helper()
	job, err := p.Jobs.Get(t.Context(), id)
	require.NoError(t, err)
	return job
}

// An upload for a cancelled job is counted, and changes nothing.
func TestUploadForACancelledJob(t *testing.T) {
	p := ingesttest.New(t)
	ticket := p.Client.Ticket(t, ndjson)
	require.Equal(t, 202, p.Client.Cancel(t, ticket.UploadID).Status)
	require.Equal(t, 200, p.Client.Put(t, ticket, []byte("{}")).Status)
	require.Equal(t, jobs.Cancelled, mustGet(t, p, ticket.UploadID).State)
	last := p.Events()[len(p.Events())-1]
	require.Equal(t, ingest.EventObjectIgnored, last.Kind)
	require.Equal(t, ticket.UploadID, last.JobID)
}
