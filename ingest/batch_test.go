package ingest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// Test a handler with a Batch made by hand.
func ExampleBatch() {
	handler := func(_ context.Context, b *ingest.Batch) error {
		for i, r := range b.Resources {
			if r.Type != "Patient" {
				b.Reject(i, "not-supported", "Only patients are kept here")
			}
		}
		return nil
	}
	b := &ingest.Batch{Resources: []ingest.Resource{{Index: 0, Type: "Patient"}, {Index: 1, Type: "Device"}}}
	if err := handler(context.Background(), b); err != nil {
		panic(err)
	}
	for _, o := range b.Rejected() {
		fmt.Println("entry", *o.Entry, o.Issues[0].Message)
	}
	// Output: entry 1 Only patients are kept here
}

func TestRejectOfABatchMadeByHand(t *testing.T) {
	b := &ingest.Batch{Resources: []ingest.Resource{{Type: "Patient", ID: "a"}, {Index: 1, Line: 4, Offset: 10}}}
	require.Empty(t, b.Rejected())
	b.Reject(1, "code", "message")
	b.Reject(1, "code", "again")
	one := int64(1)
	require.Equal(t, []ingest.Outcome{{Entry: &one, Offset: 10, Issues: []fhirbundle.Issue{{
		Code: "code", Severity: fhirbundle.SeverityError, Message: "message", Entry: &one, Line: 4, Offset: 10, Path: "Bundle.entry[1].resource",
	}}}}, b.Rejected())
	require.False(t, b.Aborted(), "not a transaction")
	require.PanicsWithValue(t, "ingest: Batch.Reject(2) of a batch with 2 resources", func() { b.Reject(2, "", "") })

	b.Rejected()[0].Offset = 7
	require.EqualValues(t, 10, b.Rejected()[0].Offset, "the caller owns the slice")

	lines := &ingest.Batch{Job: &jobs.Job{Payload: jobs.Payload{Format: "ndjson"}}, Resources: []ingest.Resource{{Line: 3}}}
	lines.Reject(0, "code", "message")
	require.Nil(t, lines.Rejected()[0].Entry)
	require.EqualValues(t, 3, lines.Rejected()[0].Line)
}

// A handler sees all fields of a request.
func TestRequestsOfEntries(t *testing.T) {
	requests := []string{
		`{"method":"POST","url":"Patient","ifNoneExist":"identifier=urn:a|b"}`,
		`{"method":"PUT", "url":"Patient/1","ifMatch":"W/\"3\"", "extension":[{"url":"http://a","valueString":"x"}]}`,
		`{"method":"GET","url":"Patient/2","ifNoneMatch":"W/\"4\"","ifModifiedSince":"2030-01-02T03:04:05Z"}`,
		`{"method":"DELETE","url":"Patient/3"}`,
		``,
	}
	want := []ingest.Resource{
		{Method: "POST", URL: "Patient", IfNoneExist: "identifier=urn:a|b"},
		{Method: "PUT", URL: "Patient/1", IfMatch: `W/"3"`},
		{Method: "GET", URL: "Patient/2", IfNoneMatch: `W/"4"`, IfModifiedSince: "2030-01-02T03:04:05Z"},
		{Method: "DELETE", URL: "Patient/3"},
		{},
	}
	for _, kind := range []string{"batch", "transaction"} {
		seen := make(chan error, 1)
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{
			Handler: ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
				got := make([]ingest.Resource, len(b.Resources))
				for i, r := range b.Resources {
					got[i] = ingest.Resource{Method: r.Method, URL: r.URL,
						IfNoneExist: r.IfNoneExist, IfMatch: r.IfMatch, IfNoneMatch: r.IfNoneMatch, IfModifiedSince: r.IfModifiedSince}
					if string(r.Request) != requests[i] || (r.Request == nil) != (requests[i] == "") {
						seen <- fmt.Errorf("request %d is %q", i, r.Request)
						return nil
					}
					if raw := string(r.Raw); i != 2 && i != 3 && raw != `{"resourceType":"Patient","id":"1"}` {
						seen <- fmt.Errorf("resource %d is %q", i, raw)
						return nil
					}
				}
				if b.Transaction != (kind == "transaction") || fmt.Sprint(got) != fmt.Sprint(want) {
					seen <- fmt.Errorf("transaction %v, %+v", b.Transaction, got)
					return nil
				}
				seen <- nil
				return nil
			}),
		})
		body := `{"resourceType":"Bundle","type":"` + kind + `","entry":[`
		for i, r := range requests {
			entry := `"resource":{"resourceType":"Patient","id":"1"}`
			if i == 2 || i == 3 {
				entry = `"fullUrl":"urn:uuid:00000001-0000-4000-8000-00000000000` + fmt.Sprint(i) + `"`
			}
			if r != "" {
				entry += `,"request":` + r
			}
			if i > 0 {
				body += ","
			}
			body += "{" + entry + "}"
		}
		p.Client.PostBundle(t, []byte(body+"]}"))
		require.NoError(t, <-seen)
	}
}
