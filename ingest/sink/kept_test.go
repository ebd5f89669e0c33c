package sink_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

const notKept = "; a lake stores only the resource of a POST to a type, of a PUT, or of an entry without a request"

// Whether a resource is stored depends on the method and URL of its entry.
func TestLakeStoresOnlyResources(t *testing.T) {
	for _, c := range []struct {
		request string // of the entry; empty for none
		reject  string // the outcome's message; empty if the resource is stored
	}{
		{``, ""},
		{`{"method":"POST","url":"Patient"}`, ""},
		{`{"method":"POST","url":"http://a.example/fhir/Patient"}`, ""},
		{`{"method":"PUT","url":"Patient/1"}`, ""},
		{`{"method":"PUT","url":"Patient?identifier=a|b"}`, ""},
		{`{"method":"DELETE","url":"Patient/1"}`, "The entry is a DELETE"},
		{`{"method":"PATCH","url":"Patient/1"}`, "The entry is a PATCH"},
		{`{"method":"GET","url":"Patient/1"}`, "The entry is a GET"},
		{`{"method":"HEAD","url":"Patient/1"}`, "The entry is a HEAD"},
		{`{"method":"POST","url":"ValueSet/$lookup"}`, "The entry is a POST to an operation"},
		{`{"method":"POST","url":"ValueSet/1/$expand"}`, "The entry is a POST to an operation"},
		{`{"method":"POST","url":"$process-message"}`, "The entry is a POST to an operation"},
		{`{"method":"PUT","url":"Patient/$match"}`, "The entry is a PUT whose URL does not fit its method"},
		{`{"method":"POST","url":"Patient/_search"}`, "The entry is a POST to _search"},
		{`{"method":"POST","url":""}`, "The entry is a POST to the server's root"},
		{`{"method":"POST","url":"Patient/1"}`, "The entry is a POST whose URL does not fit its method"},
		{`{"method":"SEKRET","url":"Patient"}`, "The method of the entry's request is not one that FHIR defines"},
		{`{"url":"Patient/1"}`, "The entry's request has no method"},
	} {
		t.Run(c.request, func(t *testing.T) {
			p := lake(t, never)
			entry := `{"resource":{"resourceType":"Patient","id":"1"}}`
			if c.request != "" {
				entry = `{"resource":{"resourceType":"Patient","id":"1"},"request":` + c.request + `}`
			}
			job := finish(t, p, p.Client.PostBundle(t, []byte(`{"resourceType":"Bundle","type":"batch","entry":[
				{"resource":{"resourceType":"Observation"},"request":{"method":"POST","url":"Observation"}},`+entry+`]}`)).JobID)
			require.Equal(t, jobs.Completed, job.State)
			kept := exists(t, p.Bucket, job, "Patient")
			require.True(t, exists(t, p.Bucket, job, "Observation"))
			if c.reject == "" {
				require.True(t, kept)
				require.Zero(t, job.Progress.Rejected)
				return
			}
			require.False(t, kept)
			outcomes := outcomes(t, p, job.ID)
			require.Len(t, outcomes, 1)
			require.Equal(t, c.reject+notKept, outcomes[0].Issues[0].Message)
			require.Equal(t, "not-supported", outcomes[0].Issues[0].Code)
		})
	}
}

// An entry that can't be stored fails its whole transaction.
func TestLakeOfATransaction(t *testing.T) {
	p := lake(t, never)
	job := finish(t, p, p.Client.PostBundle(t, []byte(`{"resourceType":"Bundle","type":"transaction","entry":[
		{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},
		{"request":{"method":"DELETE","url":"Location/ward-3"}},
		{"resource":{"resourceType":"Encounter"},"request":{"method":"PUT","url":"Encounter/1"}}]}`)).JobID)
	require.Equal(t, jobs.Failed, job.State)
	require.Equal(t, ingest.CodeTransactionRejected, job.Failure.Code)
	all := outcomes(t, p, job.ID)
	require.Len(t, all, 3)
	for i, code := range []string{ingest.CodeTransactionRejected, "not-supported", ingest.CodeTransactionRejected} {
		require.EqualValues(t, i, *all[i].Entry)
		require.Equal(t, code, all[i].Issues[0].Code)
	}
	requireNoFiles(t, p.Bucket)

	// The example of the original service has no requests, and is stored.
	job = finish(t, p, p.Client.PostBundle(t, []byte(`{"resourceType":"Bundle","type":"transaction","entry":[
		{"resource":{"resourceType":"Patient"}}]}`)).JobID)
	require.Equal(t, jobs.Completed, job.State)
	require.True(t, exists(t, p.Bucket, job, "Patient"))
}

// A job of which nothing was stored fails, and leaves no files.
func TestLakeOfNothing(t *testing.T) {
	const deletes = `{"request":{"method":"DELETE","url":"Patient/1"}}`
	p := lake(t, never)
	many := make([]string, 25) // three batches
	for i := range many {
		many[i] = deletes
	}
	for _, entries := range []string{deletes, strings.Join(many, ",")} {
		id := p.Client.PostBundle(t, []byte(`{"resourceType":"Bundle","type":"batch","entry":[`+entries+`]}`)).JobID
		job := finish(t, p, id)
		require.Equal(t, jobs.Failed, job.State)
		require.Equal(t, ingest.CodeNothingTaken, job.Failure.Code)
		require.Zero(t, job.Progress.Done)
		require.EqualValues(t, len(outcomes(t, p, id)), job.Progress.Rejected)
		requireNoFiles(t, p.Bucket)
	}
}

// TestCaseLK01 runs the shared case of a deletion with a body.
func TestCaseLK01(t *testing.T) {
	name := filepath.Join("..", "..", "..", "shared", "cases", "batch-delete-with-body.json")
	payload, err := os.ReadFile(name)
	if err != nil {
		t.Skipf("SKIPPED: there is no %s beside the checkout; .github/CONTRIBUTING.md (The corpus) says what it is", filepath.Base(name))
	}
	p := lake(t, never)
	job := finish(t, p, p.Client.PostBundle(t, payload).JobID)
	require.Equal(t, jobs.Failed, job.State)
	require.Contains(t, outcomes(t, p, job.ID)[0].Issues[0].Message, "DELETE")
	requireNoFiles(t, p.Bucket)
}

func outcomes(t *testing.T, p *ingesttest.Pipeline, id string) []ingest.Outcome {
	t.Helper()
	r, err := p.Service.Outcomes(t.Context(), ingest.Caller{OrganizationID: ingesttest.Organization}, id)
	require.NoError(t, err)
	defer r.Close()
	var all []ingest.Outcome
	for d := json.NewDecoder(r); d.More(); {
		var o ingest.Outcome
		require.NoError(t, d.Decode(&o))
		all = append(all, o)
	}
	return all
}

func exists(t *testing.T, bucket *blob.Bucket, job *jobs.Job, typ string) bool {
	t.Helper()
	there, err := bucket.Exists(t.Context(), fmt.Sprintf("processed/%s/%s/%s.ndjson", job.OrganizationID, job.ID, typ))
	require.NoError(t, err)
	return there
}

// requireNoFiles checks that the lake is empty: no files, manifests or parts.
func requireNoFiles(t *testing.T, bucket *blob.Bucket) {
	t.Helper()
	for _, prefix := range []string{"processed/", "staging/lake/"} {
		object, err := bucket.List(&blob.ListOptions{Prefix: prefix}).Next(t.Context())
		require.Error(t, err, "%v", object)
	}
}
