package httpapi_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/ingesttest"
)

// A list has the number of each job's issues; the job itself has the issues.
func TestListsCountIssues(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	list := func(query string) (jobs []map[string]json.RawMessage, next string) {
		var body struct {
			Jobs []map[string]json.RawMessage
			Next string
		}
		a := p.Client.Do(t, "GET", jobsPath+query, "", nil)
		require.Equal(t, 200, a.Status)
		a.JSON(t, &body)
		require.NotNil(t, body.Jobs)
		return body.Jobs, body.Next
	}
	all, next := list("")
	require.Empty(t, all)
	require.Empty(t, next)

	fine := p.Client.PostBundle(t, []byte(`{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:3e54bcdf-da33-4ee6-b054-eb6a3e7d184d","resource":{"resourceType":"Patient","id":"p1"}}]}`))
	faulty := p.Client.PostBundle(t, []byte(`{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"<&>","resource":{"resourceType":"Patient","text":""}}]}`))
	var job struct{ Issues []json.RawMessage }
	p.Client.Job(t, faulty.JobID).JSON(t, &job)
	require.NotEmpty(t, job.Issues)

	all, _ = list("")
	require.Len(t, all, 2)
	for _, j := range all {
		require.NotContains(t, j, "issues")
		switch string(j["jobId"]) {
		case `"` + fine.JobID + `"`:
			require.NotContains(t, j, "issueCount")
		default:
			var n int
			require.NoError(t, json.Unmarshal(j["issueCount"], &n))
			require.Len(t, job.Issues, n)
		}
	}
	one, next := list("?limit=1")
	require.Len(t, one, 1)
	two, end := list("?limit=1&cursor=" + next)
	require.Len(t, two, 1)
	require.Empty(t, end)
	require.NotEqual(t, one[0]["jobId"], two[0]["jobId"])
}
