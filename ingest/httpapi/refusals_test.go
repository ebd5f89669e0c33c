package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore/httpbody"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

const (
	bundlePath = "/v1/ingestion/fhir/Bundle"
	uploadPath = "/v1/ingestion/upload-url"
	jobsPath   = "/v1/ingestion/jobs"
	fhirJSON   = "application/fhir+json"
	maxBody    = 2 << 20
)

const small = `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"https://a.b/Patient/p1","resource":{"resourceType":"Patient","id":"p1"}}]}`

func pipeline(t *testing.T) *ingesttest.Pipeline {
	t.Helper()
	return ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Service: ingest.Options{MaxBodyBytes: maxBody}})
}

type refusal struct {
	Error     string
	RequestID string
	Issues    []fhirbundle.Issue
}

// requireNothing checks that no object and no job exists.
func requireNothing(t *testing.T, p *ingesttest.Pipeline) {
	t.Helper()
	_, err := p.Bucket.List(nil).Next(context.Background())
	require.Equal(t, io.EOF, err, "an object was left")
	page, err := p.Jobs.List(context.Background(), jobs.Query{OrganizationID: ingesttest.Organization})
	require.NoError(t, err)
	require.Empty(t, page.Jobs, "a job was left")
}

func TestBundlesAreRefused(t *testing.T) {
	entries := func(s string) string {
		return `{"resourceType":"Bundle","type":"collection","entry":[` + s + `]}`
	}
	large := entries(`{"resource":{"resourceType":"Patient","text":"` + strings.Repeat("x", maxBody) + `"}}`)
	for name, c := range map[string]struct {
		body    string
		status  int
		message string
		code    string
	}{
		"empty body":             {"", 400, "Request body is empty", ""},
		"only white space":       {" \r\n\t", 400, "Request body is empty", ""},
		"not JSON":               {"<Bundle/>", 400, "Invalid JSON: ", ""},
		"gzip":                   {"\x1f\x8b\x08\x00" + small, 400, "gzip", ""},
		"zip":                    {"PK\x03\x04" + small, 400, "zip", ""},
		"XML":                    {`<?xml version="1.0"?><Bundle xmlns="http://hl7.org/fhir"/>`, 400, "XML", ""},
		"UTF-16":                 {"\xff\xfe{\x00", 400, "UTF-16", ""},
		"cut":                    {small[:len(small)-3], 400, "Invalid JSON: ", ""},
		"data after it":          {small + "{}", 400, "Invalid JSON: ", ""},
		"wrong resourceType":     {`{"resourceType":"Patient","id":"x"}`, 400, "Expected resourceType 'Bundle', got 'Patient'", ""},
		"no resourceType":        {`{"type":"batch","entry":[]}`, 400, "Expected resourceType 'Bundle', got ", ""},
		"an array":               {`[` + small + `]`, 400, "Expected resourceType 'Bundle', got ", ""},
		"unsupported type":       {strings.Replace(small, "collection", "searchset", 1), 400, "Unsupported bundle type: searchset", ""},
		"no type":                {`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient"}}]}`, 400, "Unsupported bundle type: ", ""},
		"no entries":             {`{"resourceType":"Bundle","type":"batch"}`, 400, "Bundle contains no entries", ""},
		"empty entries":          {entries(""), 400, "Bundle contains no entries", ""},
		"entry without resource": {entries(`{"resource":{"resourceType":"Patient"}},{"fullUrl":"urn:uuid:00000000-0000-4000-8000-000000000000"}`), 400, "Entry 1 missing 'resource' field", ""},
		"duplicate names":        {entries(`{"resource":{"resourceType":"Patient","id":"a","id":"b"}}`), 400, "Invalid JSON: ", ""},
		"duplicate, escaped":     {entries(`{"resource":{"resourceType":"Patient","id":"a","\u0069d":"b"}}`), 400, "Invalid JSON: ", ""},
		"bad UTF-8":              {entries("{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"\xff\"}}"), 400, "Invalid JSON: ", ""},
		"lone surrogate":         {entries(`{"resource":{"resourceType":"Patient","id":"\ud800"}}`), 400, "Invalid JSON: ", ""},
		"NUL":                    {entries(`{"resource":{"resourceType":"Patient","id":"\u0000"}}`), 400, "Invalid JSON: ", ""},
		"depth bomb":             {strings.Repeat("[", 1<<20), 400, "Invalid JSON: ", ""},
		"nested depth bomb":      {entries(`{"resource":{"a":` + strings.Repeat(`{"a":`, 100_000)), 400, "Invalid JSON: ", ""},
		"above the limit":        {large, 413, fmt.Sprintf("larger than %d bytes", maxBody), ""},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/chunked=%v", name, chunked), func(t *testing.T) {
				p := pipeline(t)
				var body io.Reader = strings.NewReader(c.body)
				if chunked {
					body = io.MultiReader(body) // hides its length
				}
				answer := p.Client.Do(t, "POST", bundlePath, fhirJSON, body)
				require.Equal(t, c.status, answer.Status, string(answer.Body))
				var r refusal
				answer.JSON(t, &r)
				require.Contains(t, r.Error, c.message)
				require.Equal(t, answer.Header.Get("X-Request-Id"), r.RequestID)
				require.NotEmpty(t, r.RequestID)
				if c.status == 400 {
					require.NotEmpty(t, r.Issues)
					require.Equal(t, r.Error, r.Issues[firstError(r)].Message)
				}
				requireNothing(t, p)
			})
		}
	}
}

func firstError(r refusal) int {
	for i, issue := range r.Issues {
		if issue.Message == r.Error {
			return i
		}
	}
	return 0
}

func TestAllFindingsAreListed(t *testing.T) {
	p := pipeline(t)
	answer := p.Client.Do(t, "POST", bundlePath, fhirJSON, strings.NewReader(
		"{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\n\"entry\":[{},\n{\"resource\":{\"resourceType\":\"Patient\"}},\n{}]}"))
	var r refusal
	answer.JSON(t, &r)
	require.Equal(t, "Unsupported bundle type: searchset", r.Error)
	var at []int64
	for _, issue := range r.Issues {
		if issue.Entry != nil && strings.HasSuffix(issue.Message, "field") {
			require.Equal(t, fmt.Sprintf("Entry %d missing 'resource' field", *issue.Entry), issue.Message)
			require.Equal(t, fmt.Sprintf("Bundle.entry[%d]", *issue.Entry), issue.Path[:len("Bundle.entry[0]")])
			require.NotZero(t, issue.Offset)
			at = append(at, *issue.Entry, issue.Line)
		}
	}
	require.Equal(t, []int64{0, 2, 2, 4}, at, "entries and lines")
}

func TestHeadersAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		header map[string]string
		status int
		want   map[string]string // headers of the response
		text   string
	}{
		"wrong media type":     {map[string]string{"Content-Type": "text/plain"}, 415, map[string]string{"Accept-Post": "application/fhir+json, application/json"}, "Unsupported Content-Type; allowed are application/fhir+json and application/json"},
		"XML":                  {map[string]string{"Content-Type": "application/fhir+xml; charset=UTF-8"}, 415, nil, "XML is not read; allowed are"},
		"two media types":      {map[string]string{"Content-Type": fhirJSON + "\x00text/xml"}, 415, nil, "More than one Content-Type"},
		"malformed media type": {map[string]string{"Content-Type": "json"}, 415, nil, "Unsupported Content-Type"},
		"fine, none":           {map[string]string{"Content-Type": ""}, 202, nil, ""},
		"fine, of DSTU 2":      {map[string]string{"Content-Type": "application/json+fhir"}, 202, nil, ""},
		"fine, utf8":           {map[string]string{"Content-Type": "application/fhir+json; charset=utf8"}, 202, nil, ""},
		"fine, FHIR's query":   {map[string]string{"?": "_format=json&_pretty=true"}, 202, nil, ""},
		"a query":              {map[string]string{"?": "source=lab"}, 400, nil, "Unknown parameter; allowed are endpoint, _format and _pretty"},
		"curl's own":           {map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415, nil, "application/json"},
		"wrong charset":        {map[string]string{"Content-Type": "application/json; charset=utf-16"}, 415, nil, "UTF-8"},
		"wrong encoding":       {map[string]string{"Content-Encoding": "gzip"}, 415, map[string]string{"Accept-Encoding": "identity"}, "Content-Encoding"},
		"two encodings":        {map[string]string{"Content-Encoding": "identity\x00gzip"}, 415, map[string]string{"Accept-Encoding": "identity"}, "Content-Encoding"},
		"wrong digest":         {map[string]string{"Content-Digest": "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"}, 400, nil, "the digest that was promised"},
		"wrong sha-512":        {map[string]string{"Content-Digest": "sha-512=:" + strings.Repeat("A", 86) + "==:"}, 400, nil, "the digest that was promised"},
		"wrong MD5":            {map[string]string{"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, 400, nil, "the digest that was promised"},
		"malformed digest":     {map[string]string{"Content-Digest": "sha-256=AAAA"}, 400, nil, "Content-Digest"},
		"malformed key":        {map[string]string{"Idempotency-Key": `"open`}, 400, nil, "Idempotency-Key"},
		"no token":             {map[string]string{"Authorization": ""}, 401, map[string]string{"Www-Authenticate": `Bearer realm="fhirdock"`}, "Authentication is required"},
		"bad token":            {map[string]string{"Authorization": "Bearer nobody"}, 401, map[string]string{"Www-Authenticate": `Bearer realm="fhirdock", error="invalid_token"`}, "not valid"},
		"malformed token":      {map[string]string{"Authorization": "Bearer a b"}, 400, map[string]string{"Www-Authenticate": `Bearer realm="fhirdock", error="invalid_request"`}, "malformed"},
		"fine":                 {nil, 202, map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}, ""},
		"fine with parameters": {map[string]string{"Content-Type": "application/json; charset=UTF-8; fhirVersion=4.0"}, 202, nil, ""},
		"unknown digest":       {map[string]string{"Content-Digest": "unknown=:AAAA:"}, 400, map[string]string{"Want-Content-Digest": "sha-256=10, sha-512=3"}, "Content-Digest must be"},
	} {
		t.Run(name, func(t *testing.T) {
			p := pipeline(t)
			req, err := http.NewRequestWithContext(t.Context(), "POST", p.URL+bundlePath, strings.NewReader(small))
			require.NoError(t, err)
			req.Header.Set("Authorization", "Bearer "+ingesttest.Token)
			req.Header.Set("Content-Type", fhirJSON)
			req.URL.RawQuery = c.header["?"]
			delete(c.header, "?")
			for name, value := range c.header {
				req.Header.Del(name)
				for line := range strings.SplitSeq(value, "\x00") { // a repeated header
					req.Header.Add(name, line)
				}
				if value == "" {
					req.Header.Del(name)
				}
			}
			answer := p.Client.Send(t, req)
			require.Equal(t, c.status, answer.Status, string(answer.Body))
			for name, value := range c.want {
				require.Equal(t, value, answer.Header.Get(name))
			}
			if c.status != 202 {
				var r refusal
				answer.JSON(t, &r)
				require.Contains(t, r.Error, c.text)
				requireNothing(t, p)
			}
		})
	}
}

func TestRoutesAndMethods(t *testing.T) {
	p := pipeline(t)
	for _, path := range []string{"/", "/v1", "/v1/ingestion", "/v1/ingestion/", "/v1/ingestion/jobs/", "/v1/ingestion/fhir/Patient", "/v1/ingestion//jobs",
		"/v1/ingestion/jobs/../jobs", "/v1/ingestion%2Fjobs", "/v1/ingestion/jobs/x/y", "/v1/ingestion/fhir/Bundle/"} {
		answer := p.Client.Do(t, "GET", path, "", nil)
		require.Equal(t, 404, answer.Status, path)
		var r refusal
		answer.JSON(t, &r)
		require.Equal(t, "Not found", r.Error)
	}
	for path, allow := range map[string]string{
		bundlePath: "POST, OPTIONS", uploadPath: "POST, OPTIONS", jobsPath: "GET, HEAD, OPTIONS",
		jobsPath + "/x": "GET, HEAD, DELETE, OPTIONS", jobsPath + "/x/redrive": "POST, OPTIONS", jobsPath + "/x/outcomes": "GET, HEAD, OPTIONS",
	} {
		for _, method := range []string{"PUT", "PATCH", "BREW"} {
			answer := p.Client.Do(t, method, path, "", nil)
			require.Equal(t, 405, answer.Status, path)
			require.Equal(t, allow, answer.Header.Get("Allow"))
			var r refusal
			answer.JSON(t, &r)
		}
		answer := p.Client.Do(t, "OPTIONS", path, "", nil)
		require.Equal(t, 204, answer.Status)
		require.Equal(t, allow, answer.Header.Get("Allow"))
	}
}

// Another organization's job is answered like one that does not exist, byte for byte.
func TestAnotherOrganizationsJob(t *testing.T) {
	p := pipeline(t)
	theirs := p.Client.PostBundle(t, []byte(small)).JobID
	get := func(method, path, id string) (status int, raw string) {
		req, err := http.NewRequestWithContext(t.Context(), method, p.URL+jobsPath+"/"+id+path, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+ingesttest.OtherToken)
		req.Header.Set("X-Request-Id", "same")
		resp, err := p.Client.HTTP.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		var b bytes.Buffer
		resp.Header.Del("Date")
		require.NoError(t, resp.Header.Write(&b))
		_, err = io.Copy(&b, resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, b.String()
	}
	for _, c := range [][2]string{{"GET", ""}, {"HEAD", ""}, {"DELETE", ""}, {"POST", "/redrive"}, {"GET", "/outcomes"}} {
		status, there := get(c[0], c[1], theirs)
		require.Equal(t, 404, status)
		for _, id := range []string{jobs.NewID(), "x", "%00", "..%2f" + theirs, strings.ToUpper(theirs), strings.Repeat("a", 1000)} {
			_, nowhere := get(c[0], c[1], id)
			require.Equal(t, nowhere, there, "%s %s", c[0], c[1])
		}
	}
	status, body := get("GET", "", "")
	require.Equal(t, 404, status, body)
	require.Equal(t, jobs.Accepted, p.WaitFor(t, theirs, func(*jobs.Job) bool { return true }).State, "the job is unchanged")
}

func TestUploadRequestsAreRefused(t *testing.T) {
	for body, text := range map[string]string{
		`{"contentType":"text/csv"}`:            "Invalid contentType. Allowed types: application/fhir+json, application/json, application/fhir+ndjson, application/x-ndjson, application/ndjson",
		`{"contentType":7}`:                     "contentType must be a string",
		`{"contentLength":"7"}`:                 "contentLength must be a whole number",
		`{"contentLength":1.5}`:                 "contentLength must be a whole number",
		`{"contentLength":-1}`:                  "not negative",
		`{"sha256":"secret"}`:                   "64 hexadecimal digits",
		`{"contentType":"a","contentType":"b"}`: "",
		`[]`:                                    "must be a JSON object",
		`null`:                                  "must be a JSON object",
		`{`:                                     "",
		"{\"contentType\":\"\xff\"}":            "",
		`{"x":"` + strings.Repeat("x", 70<<10) + `"}`: "larger than",
	} {
		p := pipeline(t)
		answer := p.Client.Do(t, "POST", uploadPath, "application/json", strings.NewReader(body))
		require.Contains(t, []int{400, 413}, answer.Status, string(answer.Body))
		var r refusal
		answer.JSON(t, &r)
		require.Contains(t, r.Error, text)
		require.NotContains(t, r.Error, "secret")
		requireNothing(t, p)
	}
	p := pipeline(t)
	answer := p.Client.Do(t, "POST", uploadPath, "application/json", strings.NewReader(`{"contentLength":1099511627776}`))
	require.Equal(t, 413, answer.Status)

	req, err := http.NewRequestWithContext(t.Context(), "POST", p.URL+uploadPath, strings.NewReader("{}"))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+ingesttest.Token)
	req.Header.Set("Content-Encoding", "gzip")
	answer = p.Client.Send(t, req)
	require.Equal(t, 415, answer.Status)
	require.Equal(t, "identity", answer.Header.Get("Accept-Encoding"))
}

// A body that stops halfway leaves no object and no job.
func TestBodyThatStopsHalfway(t *testing.T) {
	large := `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","text":"` + strings.Repeat("x", 1500<<10)
	for name, sent := range map[string]string{"small": small[:40], "large": large} {
		t.Run(name, func(t *testing.T) {
			p := pipeline(t)
			conn, answer := raw(t, p, fmt.Sprintf("Content-Length: %d\r\n", len(sent)+100), sent)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			resp := answer()
			require.Equal(t, 400, resp.StatusCode)
			requireNothing(t, p)
		})
	}
}

// raw sends a request over a plain connection.
func raw(t *testing.T, p *ingesttest.Pipeline, headers, body string) (net.Conn, func() *http.Response) {
	t.Helper()
	host := strings.TrimPrefix(p.URL, "http://")
	conn, err := net.Dial("tcp", host)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\n%s\r\n%s",
		bundlePath, host, ingesttest.Token, fhirJSON, headers, body)
	require.NoError(t, err)
	return conn, func() *http.Response {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		return resp
	}
}

// A sender that stalls is cut off.
func TestBodyThatStalls(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Body: httpbody.Limits{Stall: 100 * time.Millisecond}})
	_, answer := raw(t, p, "Content-Length: 1000\r\n", small[:40])
	require.Equal(t, 408, answer().StatusCode)
	requireNothing(t, p)
}

// The body of an unauthenticated request is not read.
func TestUnauthenticatedRequestsAreRefusedBeforeTheirBody(t *testing.T) {
	p := pipeline(t)
	host := strings.TrimPrefix(p.URL, "http://")
	conn, err := net.Dial("tcp", host)
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\n\r\n", bundlePath, host)
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, 401, resp.StatusCode)
	require.True(t, resp.Close)
}

type brokenStore struct{ jobs.Store }

func (brokenStore) Create(context.Context, *jobs.Job) error { return errors.New("disk full") }
func (brokenStore) Get(context.Context, string) (*jobs.Job, error) {
	return nil, errors.New("disk full")
}
func (brokenStore) List(context.Context, jobs.Query) (*jobs.Page, error) {
	return nil, errors.New("disk full")
}

func TestBackEndsThatFail(t *testing.T) {
	closed := memblob.OpenBucket(nil)
	require.NoError(t, closed.Close())
	for name, opts := range map[string]*ingesttest.Options{
		"bucket":    {NoWorker: true, Bucket: closed},
		"job store": {NoWorker: true, Jobs: brokenStore{jobs.NewMemStore()}},
	} {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.NewWithOptions(t, opts)
			answers := []*ingesttest.Answer{p.Client.Do(t, "POST", bundlePath, fhirJSON, strings.NewReader(small))}
			if name == "job store" {
				answers = append(answers, p.Client.Do(t, "POST", uploadPath, "", nil), p.Client.Do(t, "GET", jobsPath, "", nil),
					p.Client.Do(t, "GET", jobsPath+"/"+jobs.NewID(), "", nil), p.Client.Do(t, "DELETE", jobsPath+"/"+jobs.NewID(), "", nil))
			}
			for _, answer := range answers {
				require.Equal(t, 503, answer.Status, string(answer.Body))
				require.NotEmpty(t, answer.Header.Get("Retry-After"))
				require.NotContains(t, string(answer.Body), "disk full", "the cause belongs in the log only")
			}
		})
	}
}

// Nothing of a payload is in an error response or in the log.
func TestNoPayloadInErrorsAndLogs(t *testing.T) {
	const canary = "CANARY4711"
	p := pipeline(t)
	for _, body := range []string{
		canary, `{"` + canary, `{"resourceType":"` + canary + `!"}`, `{"resourceType":"Bundle","type":"` + canary + `?"}`,
		`{"resourceType":"Bundle","type":"collection","entry":[{"` + canary + `":1,"` + canary + `":2}]}`,
		`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"id":"` + canary + `","x":"\ud800"}}]}`,
		`{"resourceType":"Bundle","type":"collection","entry":["` + canary + `"]}`,
		`{"resourceType":"Bundle","type":"collection","` + canary + `":{},"entry":[{"fullUrl":"` + canary + `"}]}`,
	} {
		for _, accept := range []string{"application/json", fhirJSON} {
			req, err := http.NewRequestWithContext(t.Context(), "POST", p.URL+bundlePath+"?q="+canary, strings.NewReader(body))
			require.NoError(t, err)
			req.Header.Set("Authorization", "Bearer "+ingesttest.Token)
			req.Header.Set("Content-Type", fhirJSON)
			req.Header.Set("Accept", accept)
			req.Header.Set("X-Request-Id", canary+"!")
			answer := p.Client.Send(t, req)
			require.Equal(t, 400, answer.Status)
			require.NotContains(t, string(answer.Body), canary)
			require.NotContains(t, answer.Header.Get("X-Request-Id"), canary)
		}
	}
	require.NotContains(t, p.Logs(), canary)
	require.Contains(t, p.Logs(), bundlePath, "but requests are logged")
}
