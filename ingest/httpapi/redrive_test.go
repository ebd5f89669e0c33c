package httpapi_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// closedFor fails uploads with their resource's id as the code.
func closedFor(_ context.Context, b *ingest.Batch) error {
	return &ingest.Failure{Code: b.Resources[0].ID, Message: "The ward is closed", Permanent: true}
}

func TestFailedJobsAreListedAndRedriven(t *testing.T) {
	p := ingesttest.New(t)
	p.Sink.Intercept(closedFor)
	for _, code := range []string{"ward-1", "ward-1", "ward-2", "ward-1"} {
		id := p.Client.Upload(t, "application/fhir+ndjson", []byte(`{"resourceType":"Patient","id":"`+code+`"}`))
		require.Equal(t, jobs.Failed, p.Wait(t, id).State)
	}
	var list struct {
		Jobs []struct{ JobID, Status, Error, ErrorCode string }
		Next string
	}
	listed := func(query string) (n int) {
		for path := jobsPath + "?" + query; path != ""; {
			answer := p.Client.Do(t, "GET", path, "", nil)
			require.Equal(t, 200, answer.Status)
			list.Next = ""
			answer.JSON(t, &list)
			for _, job := range list.Jobs {
				n++
				require.Equal(t, "failed", job.Status)
				require.Equal(t, "The ward is closed", job.Error, "each with its reason")
				require.NotEmpty(t, job.ErrorCode)
			}
			path = ""
			if list.Next != "" {
				path = jobsPath + "?" + query + "&cursor=" + url.QueryEscape(list.Next)
			}
		}
		return n
	}
	require.Equal(t, 4, listed("status=failed"))
	require.Equal(t, 3, listed("status=failed&code=ward-1&limit=2"))
	require.Equal(t, 1, listed("code=ward-2"))
	require.Zero(t, listed("code=ward"))
	link := p.Client.Do(t, "GET", jobsPath+"?status=failed&code=ward-1&limit=1", "", nil).Header.Get("Link")
	require.Contains(t, link, "code=ward-1", "the next page has the same filter")

	p.Sink.Intercept(nil)
	var done struct {
		Redriven, Skipped int
		Next              string
	}
	redrive := func(query, token string) {
		done.Next = ""
		answer := p.Client.As(token).Do(t, "POST", jobsPath+"/redrive?"+query, "", nil)
		require.Equal(t, 202, answer.Status, string(answer.Body))
		answer.JSON(t, &done)
	}
	redrive("status=failed", ingesttest.OtherToken)
	require.Zero(t, done.Redriven, "only the caller's jobs")
	redrive("status=failed&code=ward-1&limit=2", ingesttest.Token)
	require.Equal(t, 2, done.Redriven)
	require.NotEmpty(t, done.Next)
	redrive("status=failed&code=ward-1&limit=2&cursor="+url.QueryEscape(done.Next), ingesttest.Token)
	require.Equal(t, 1, done.Redriven)
	require.Empty(t, done.Next)
	redrive("status=failed&before=2029-01-01T00:00:00Z", ingesttest.Token)
	require.Zero(t, done.Redriven)
	redrive("status=failed&after=2029-01-01T00:00:00%2B01:00", ingesttest.Token)
	require.Equal(t, 1, done.Redriven)
	require.Zero(t, listed("status=failed"))
}

// A mistyped query redrives nothing.
func TestRedriveIsReadStrictly(t *testing.T) {
	p := ingesttest.New(t)
	p.Sink.Intercept(closedFor)
	id := p.Client.Upload(t, "application/fhir+ndjson", []byte(`{"resourceType":"Patient","id":"ward-1"}`))
	require.Equal(t, jobs.Failed, p.Wait(t, id).State)
	for query, text := range map[string]string{
		"":                                     "status must be failed",
		"code=ward-1":                          "status must be failed",
		"status=completed":                     "status must be failed",
		"status=failed&status=failed":          "must be there once",
		"status=failed&cod=ward-2":             "Unknown parameter",
		"status=failed&code=":                  "not be empty",
		"status=failed&after=yesterday":        "RFC 3339",
		"status=failed&before=2030-01-01":      "RFC 3339",
		"status=failed&limit=0":                "1 to 500",
		"status=failed&limit=501":              "1 to 500",
		"status=failed&cursor=x":               "cursor",
		"status=failed&code=%zz":               "Malformed query",
		"status=failed&code=ward-1;limit=1000": "Malformed query",
	} {
		answer := p.Client.Do(t, "POST", jobsPath+"/redrive?"+query, "", nil)
		require.Equal(t, 400, answer.Status, query)
		require.Contains(t, string(answer.Body), text, query)
	}
	require.Equal(t, jobs.Failed, p.Wait(t, id).State)
	require.Equal(t, 401, p.Client.As("").Do(t, "POST", jobsPath+"/redrive?status=failed", "", nil).Status)
	answer := p.Client.Do(t, "GET", jobsPath+"/redrive", "", nil)
	require.Equal(t, 405, answer.Status)
	require.Equal(t, "POST, OPTIONS", answer.Header.Get("Allow"))
}
