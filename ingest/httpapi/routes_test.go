package httpapi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// fields returns the names of a JSON object in order.
func fields(t *testing.T, raw []byte) (names []string) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, err := dec.Token()
	require.NoError(t, err)
	for dec.More() {
		name, err := dec.Token()
		require.NoError(t, err)
		names = append(names, name.(string))
		var skip json.RawMessage
		require.NoError(t, dec.Decode(&skip))
	}
	return names
}

func TestBundleIsAccepted(t *testing.T) {
	p := pipeline(t)
	answer := p.Client.Do(t, "POST", bundlePath, fhirJSON, strings.NewReader(small))
	require.Equal(t, 202, answer.Status)
	require.Equal(t, []string{"jobId", "status", "message", "resourceCount", "createdAt"}, fields(t, answer.Body))
	var body struct {
		JobID, Status, Message string
		ResourceCount          map[string]int
		CreatedAt              time.Time
	}
	answer.JSON(t, &body)
	require.Equal(t, "accepted", body.Status)
	require.Equal(t, "Bundle accepted for processing", body.Message)
	require.Equal(t, map[string]int{"Patient": 1}, body.ResourceCount)
	require.Equal(t, p.Clock.Now(), body.CreatedAt)
	require.Eventually(t, func() bool {
		return regexp.MustCompile(`"route":"` + bundlePath + `".*"job":"` + body.JobID).MatchString(p.Logs())
	}, 5*time.Second, 10*time.Millisecond, "the log ties the request to its job")
	require.Equal(t, jobsPath+"/"+body.JobID, answer.Header.Get("Location"))
	require.Equal(t, jobsPath+"/"+body.JobID, answer.Header.Get("Content-Location"))

	job := p.Client.Do(t, "GET", answer.Header.Get("Location"), "", nil)
	require.Equal(t, 200, job.Status)
	require.Equal(t, []string{"jobId", "organizationId", "status", "source", "message", "resourceCount", "progress", "attempt", "createdAt", "updatedAt"}, fields(t, job.Body))
	require.NotEmpty(t, job.Header.Get("Retry-After"))
	require.Equal(t, "accepted", job.Header.Get("X-Progress"))

	req, err := http.NewRequestWithContext(t.Context(), "GET", p.URL+answer.Header.Get("Location"), nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+ingesttest.Token)
	tag := job.Header.Get("ETag")
	for value, status := range map[string]int{
		tag: 304, "W/" + tag: 304, `"other", ` + tag: 304, "*": 304, `"other"`: 200, "W/": 200,
	} {
		req.Header.Set("If-None-Match", value)
		require.Equal(t, status, p.Client.Send(t, req).Status, value)
	}
	head := p.Client.Do(t, "HEAD", answer.Header.Get("Location"), "", nil)
	require.Equal(t, 200, head.Status)
	require.Empty(t, head.Body)
}

// The predecessor's example, a transaction without requests, is accepted by the lenient
// level with a warning and refused by the strict one.
func TestLevels(t *testing.T) {
	example := strings.Replace(small, "collection", "transaction", 1)
	lenient := pipeline(t)
	answer := lenient.Client.Do(t, "POST", bundlePath, fhirJSON, strings.NewReader(example))
	require.Equal(t, 202, answer.Status)
	var r refusal
	answer.JSON(t, &r)
	require.Len(t, r.Issues, 1)
	require.Equal(t, "bdl-3", r.Issues[0].Code)
	require.Equal(t, fhirbundle.SeverityWarning, r.Issues[0].Severity)

	strict := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Service: ingest.Options{Level: fhirbundle.LevelStrict}})
	answer = strict.Client.Do(t, "POST", bundlePath, fhirJSON, strings.NewReader(example))
	require.Equal(t, 400, answer.Status)
	answer.JSON(t, &r)
	require.Equal(t, fhirbundle.SeverityError, r.Issues[0].Severity)
}

func TestRepeatsAreTheSameJob(t *testing.T) {
	p := pipeline(t)
	post := func(body, key string) *ingesttest.Answer {
		sum := sha256.Sum256([]byte(body))
		req, err := http.NewRequestWithContext(t.Context(), "POST", p.URL+bundlePath, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+ingesttest.Token)
		req.Header.Set("Content-Type", fhirJSON)
		req.Header.Set("Idempotency-Key", key)
		req.Header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
		return p.Client.Send(t, req)
	}
	first, again, bare := post(small, `"k-1"`), post(small, `"k-1"`), post(small, "k-1")
	require.Equal(t, 202, first.Status)
	require.Equal(t, first.Body, again.Body)
	require.Equal(t, first.Body, bare.Body)
	require.Equal(t, 422, post(small+" ", `"k-1"`).Status)
}

func TestUploadTicket(t *testing.T) {
	p := pipeline(t)
	answer := p.Client.Do(t, "POST", uploadPath, "application/json", strings.NewReader(`{"contentType":"application/x-ndjson","contentLength":3}`))
	require.Equal(t, 200, answer.Status)
	require.Equal(t, []string{"uploadId", "uploadUrl", "method", "headers", "expiresIn", "expiresAt", "bucket", "key", "instructions"}, fields(t, answer.Body))
	require.NotContains(t, string(answer.Body), `\u0026`, "a shell can cut the URL out")
	var ticket ingesttest.Ticket
	answer.JSON(t, &ticket)
	require.EqualValues(t, 3600, ticket.ExpiresIn)
	require.Equal(t, p.Clock.Now().Add(time.Hour), ticket.ExpiresAt)
	require.Equal(t, "incoming/fhir/test-org/2030/01/01/"+ticket.UploadID+".ndjson", ticket.Key)
	require.Equal(t, map[string]string{"Content-Type": "application/x-ndjson"}, ticket.Headers)
	require.Equal(t, 400, p.Client.Put(t, ticket, []byte("four")).Status, "the length is bound")
	require.Equal(t, 200, p.Client.Put(t, ticket, []byte("{}\n")).Status)
	require.Equal(t, 412, p.Client.Put(t, ticket, []byte("{}\n")).Status)

	defaults := p.Client.Do(t, "POST", uploadPath, "", nil)
	require.Equal(t, 200, defaults.Status)
	require.Contains(t, string(defaults.Body), `"Content-Type":"application/fhir+json"`)
	exact := p.Client.Do(t, "POST", uploadPath, "application/json",
		strings.NewReader(`{"contentType":"application/json","ContentType":"application/x-ndjson"}`))
	require.Contains(t, string(exact.Body), `"Content-Type":"application/json"`, "names are matched exactly")
}

// expiresIn of a repeated request is the time left.
func TestRepeatedTicketExpiresSooner(t *testing.T) {
	p := pipeline(t)
	ask := func() (ticket struct {
		UploadID  string
		ExpiresIn int
		ExpiresAt time.Time
	}) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", p.URL+uploadPath, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+ingesttest.Token)
		req.Header.Set("Idempotency-Key", "k-1")
		p.Client.Send(t, req).JSON(t, &ticket)
		return ticket
	}
	first := ask()
	p.Clock.Advance(10 * time.Minute)
	again := ask()
	require.Equal(t, first.UploadID, again.UploadID)
	require.Equal(t, first.ExpiresAt, again.ExpiresAt)
	require.Equal(t, 3600, first.ExpiresIn)
	require.Equal(t, 3000, again.ExpiresIn)
}

func TestListCancelRedriveOutcomes(t *testing.T) {
	p := ingesttest.New(t)
	p.Sink.Intercept(func(_ context.Context, b *ingest.Batch) error {
		if b.Resources[0].ID == "hold" {
			return ingest.Permanent(errors.New("secret of the handler"))
		}
		return nil
	})
	done := p.Client.Upload(t, "application/fhir+ndjson", []byte("{\"resourceType\":\"Patient\"}\nnonsense\n"))
	p.Wait(t, done)
	failed := p.Client.Upload(t, "application/fhir+ndjson", []byte(`{"resourceType":"Patient","id":"hold"}`))
	p.Wait(t, failed)
	waiting := p.Client.Ticket(t, "application/fhir+ndjson").UploadID

	var list struct {
		Jobs []struct{ JobID, Status, Error, ErrorCode string }
		Next string
	}
	var seen []string
	for path := jobsPath + "?limit=2"; path != ""; {
		answer := p.Client.Do(t, "GET", path, "", nil)
		require.Equal(t, 200, answer.Status)
		list.Next = ""
		answer.JSON(t, &list)
		for _, job := range list.Jobs {
			seen = append(seen, job.Status)
			require.NotContains(t, job.Error, "secret")
		}
		path = ""
		if list.Next != "" {
			link, rel, _ := strings.Cut(answer.Header.Get("Link"), ">; ")
			require.Equal(t, `rel="next"`, rel)
			u, err := url.Parse(link[1:])
			require.NoError(t, err)
			path = u.RequestURI()
		}
	}
	require.ElementsMatch(t, []string{"completed", "failed", "awaiting_upload"}, seen)
	answer := p.Client.Do(t, "GET", jobsPath+"?status=failed", "", nil)
	answer.JSON(t, &list)
	require.Len(t, list.Jobs, 1)
	for query, text := range map[string]string{"status=lost": "awaiting_upload", "limit=0": "1 to 500", "limit=501": "1 to 500", "limit=x": "1 to 500", "cursor=x": "cursor", "status=%zz": "query"} {
		answer := p.Client.Do(t, "GET", jobsPath+"?"+query, "", nil)
		require.Equal(t, 400, answer.Status, query)
		require.Contains(t, string(answer.Body), text)
	}

	outcomes := p.Client.Do(t, "GET", jobsPath+"/"+done+"/outcomes", "", nil)
	require.Equal(t, 200, outcomes.Status)
	require.Equal(t, "application/x-ndjson", outcomes.Header.Get("Content-Type"))
	var o ingest.Outcome
	outcomes.JSON(t, &o)
	require.EqualValues(t, 2, o.Line)
	require.Empty(t, p.Client.Do(t, "GET", jobsPath+"/"+waiting+"/outcomes", "", nil).Body)

	require.Equal(t, 409, p.Client.Do(t, "DELETE", jobsPath+"/"+done, "", nil).Status)
	require.Equal(t, 202, p.Client.Do(t, "DELETE", jobsPath+"/"+waiting, "", nil).Status)
	require.Equal(t, 409, p.Client.Do(t, "POST", jobsPath+"/"+waiting+"/redrive", "", nil).Status)
	p.Sink.Intercept(nil)
	redriven := p.Client.Do(t, "POST", jobsPath+"/"+failed+"/redrive", "", nil)
	require.Equal(t, 202, redriven.Status)
	require.Equal(t, jobsPath+"/"+failed, redriven.Header.Get("Location"))
	p.WaitFor(t, failed, func(j *jobs.Job) bool { return j.State == jobs.Completed })
}

func TestOperationOutcomeIfAccepted(t *testing.T) {
	p := pipeline(t)
	for accept, want := range map[string]string{
		"application/fhir+json":                             "application/fhir+json",
		"application/fhir+json; fhirVersion=4.0":            "application/fhir+json",
		"text/html, application/fhir+json;q=0.9, */*;q=0.1": "application/fhir+json",
		"application/json;q=0.5, application/fhir+json":     "application/fhir+json",
		"application/json, application/fhir+json":           "application/json",
		"application/fhir+json;q=0":                         "application/json",
		"*/*":                                               "application/json",
		"":                                                  "application/json",
	} {
		for path, status := range map[string]int{bundlePath: 400, jobsPath + "/x": 405} {
			req, err := http.NewRequestWithContext(t.Context(), "POST", p.URL+path, strings.NewReader("{}"))
			require.NoError(t, err)
			req.Header.Set("Authorization", "Bearer "+ingesttest.Token)
			req.Header.Set("Content-Type", fhirJSON)
			req.Header.Set("Accept", accept)
			answer := p.Client.Send(t, req)
			require.Equal(t, status, answer.Status)
			require.Equal(t, want, answer.Header.Get("Content-Type"), accept)
			if want == "application/json" {
				continue
			}
			var outcome struct {
				ResourceType string
				Issue        []struct{ Severity, Code, Diagnostics string }
			}
			answer.JSON(t, &outcome)
			require.Equal(t, "OperationOutcome", outcome.ResourceType)
			require.NotEmpty(t, outcome.Issue)
			require.Equal(t, "error", outcome.Issue[0].Severity)
			require.NotEmpty(t, outcome.Issue[0].Code)
		}
	}
}

// Errors that are not about the payload have a code of FHIR's IssueType, and no location.
func TestOperationOutcomeOfErrorsWithoutFindings(t *testing.T) {
	p := pipeline(t)
	for _, c := range []struct{ method, path, token, code string }{
		{"GET", jobsPath + "/x", ingesttest.Token, "not-found"},
		{"GET", jobsPath, "nobody", "login"},
		{"PUT", jobsPath, ingesttest.Token, "not-supported"},
		{"GET", jobsPath + "?limit=0", ingesttest.Token, "invalid"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, p.URL+c.path, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+c.token)
		req.Header.Set("Accept", fhirJSON)
		var outcome fhirbundle.OperationOutcome
		p.Client.Send(t, req).JSON(t, &outcome)
		require.Len(t, outcome.Issue, 1)
		require.Equal(t, c.code, outcome.Issue[0].Code, c.path)
		require.Empty(t, outcome.Issue[0].Diagnostics)
		require.NotEmpty(t, outcome.Issue[0].Details.Text)
	}
}

func TestRequestIDs(t *testing.T) {
	p := pipeline(t)
	for id, kept := range map[string]bool{"abc-1_X": true, "": false, "a b": false, strings.Repeat("a", 65): false, "é": false, "a;b": false} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", p.URL+jobsPath, nil)
		require.NoError(t, err)
		req.Header.Set("X-Request-Id", id)
		answer := p.Client.Send(t, req)
		got := answer.Header.Get("X-Request-Id")
		require.NotEmpty(t, got)
		require.Equal(t, kept, got == id, "%q", id)
	}
}

func TestPanicsAndUnknownErrors(t *testing.T) {
	topic, _ := local(nil)
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()}, &ingest.Options{NoUploads: true})
	require.NoError(t, err)
	for want, who := range map[int]auth.Func{
		500: func(*http.Request) (ingest.Caller, error) { panic("secret") },
		503: func(*http.Request) (ingest.Caller, error) {
			return ingest.Caller{}, errors.New("secret key server away")
		},
		403: func(*http.Request) (ingest.Caller, error) {
			return ingest.Caller{}, fmt.Errorf("secret: %w", auth.ErrForbidden)
		},
	} {
		w := httptest.NewRecorder()
		must(httpapi.New(svc, who, nil)).ServeHTTP(w, httptest.NewRequest("GET", jobsPath, nil))
		require.Equal(t, want, w.Code)
		require.NotContains(t, w.Body.String(), "secret")
		if want == 500 {
			var r refusal
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &r))
			require.Equal(t, "Internal server error", r.Error)
		}
	}
	// A service without uploads refuses them with a reason.
	ok := auth.Func(func(*http.Request) (ingest.Caller, error) { return ingest.Caller{OrganizationID: "demo"}, nil })
	w := httptest.NewRecorder()
	must(httpapi.New(svc, ok, nil)).ServeHTTP(w, httptest.NewRequest("POST", uploadPath, nil))
	require.Equal(t, 403, w.Code)
	require.Contains(t, w.Body.String(), "send Bundles to the webhook")
}

func ExampleNew() {
	topic, _ := local(nil)
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()}, &ingest.Options{NoUploads: true})
	if err != nil {
		panic(err)
	}
	tokens, err := auth.ParseTokens("dev=demo")
	if err != nil {
		panic(err)
	}
	frontDoor, err := httpapi.New(svc, tokens, nil)
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(frontDoor)
	defer server.Close()

	resp, err := http.Get(server.URL + "/v1/ingestion/jobs")
	if err != nil {
		panic(err)
	}
	resp.Body.Close()
	fmt.Println(resp.Status, resp.Header.Get("WWW-Authenticate"))
	// Output: 401 Unauthorized Bearer realm="fhirdock"
}
