package ingesttest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

// Client calls the HTTP API as one organization.
type Client struct {
	// URL of the API, without a trailing slash, and bearer Token.
	URL   string
	Token string
	// Header is set on each request that Do sends, replacing the client's own values. It
	// may be nil.
	Header http.Header
	// HTTP sends the requests; it must not be nil.
	HTTP *http.Client
}

// As returns a client with another token; empty sends none.
func (c *Client) As(token string) *Client {
	d := *c
	d.Token = token
	return &d
}

// Answer is a response.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON decodes the body into v; the test fails if it is not JSON.
func (a *Answer) JSON(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.Body, v); err != nil {
		t.Fatalf("the answer is not JSON: %v; status %d", err, a.Status)
	}
}

// Do sends a request for a path relative to URL. contentType may be empty.
func (c *Client) Do(t testing.TB, method, path, contentType string, body io.Reader) *Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.URL+path, body)
	check(t, err)
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for name, values := range c.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	return c.Send(t, req)
}

// Send sends a request unchanged.
func (c *Client) Send(t testing.TB, req *http.Request) *Answer {
	t.Helper()
	resp, err := c.HTTP.Do(req)
	check(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	check(t, err)
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: raw}
}

// Accepted is the response to an accepted payload.
type Accepted struct {
	JobID         string             `json:"jobId"`
	Status        string             `json:"status"`
	ResourceCount map[string]int64   `json:"resourceCount"`
	Issues        []fhirbundle.Issue `json:"issues"` // warnings
}

// PostBundle sends a Bundle; the test fails if it is not accepted.
func (c *Client) PostBundle(t testing.TB, bundle []byte) Accepted {
	t.Helper()
	answer := c.Do(t, http.MethodPost, "/v1/ingestion/fhir/Bundle", "application/fhir+json", bytes.NewReader(bundle))
	if answer.Status != http.StatusAccepted {
		t.Fatalf("POST Bundle: status %d: %s", answer.Status, answer.Body)
	}
	var a Accepted
	answer.JSON(t, &a)
	return a
}

// Ticket is the response to a request for an upload URL.
type Ticket struct {
	UploadID  string            `json:"uploadId"` // the job's id
	UploadURL string            `json:"uploadUrl"`
	Method    string            `json:"method"`
	Headers   map[string]string `json:"headers"`
	ExpiresIn int64             `json:"expiresIn"` // seconds
	ExpiresAt time.Time         `json:"expiresAt"`
	Bucket    string            `json:"bucket"`
	Key       string            `json:"key"`
}

// Ticket requests an upload URL; the test fails if there is none.
func (c *Client) Ticket(t testing.TB, contentType string) Ticket {
	t.Helper()
	return c.TicketFor(t, TicketRequest{ContentType: contentType})
}

// TicketRequest are the constraints of an upload URL; zero fields mean none.
type TicketRequest struct {
	ContentType string `json:"contentType,omitempty"`
	// ContentLength in bytes, and SHA256 in hex, that the upload must have.
	ContentLength int64  `json:"contentLength,omitempty"`
	SHA256        string `json:"sha256,omitempty"`
}

// TicketFor requests an upload URL with more constraints than a content type; the test
// fails if there is none.
func (c *Client) TicketFor(t testing.TB, ask TicketRequest) Ticket {
	t.Helper()
	body, err := json.Marshal(ask)
	check(t, err)
	answer := c.Do(t, http.MethodPost, "/v1/ingestion/upload-url", "application/json", bytes.NewReader(body))
	if answer.Status != http.StatusOK {
		t.Fatalf("POST upload-url: status %d: %s", answer.Status, answer.Body)
	}
	var ticket Ticket
	answer.JSON(t, &ticket)
	return ticket
}

// Job returns the response to GET for a job, whatever its status.
func (c *Client) Job(t testing.TB, id string) *Answer {
	t.Helper()
	return c.Do(t, http.MethodGet, "/v1/ingestion/jobs/"+id, "", nil)
}

// Outcomes returns the response to GET for a job's outcomes, whatever its status.
func (c *Client) Outcomes(t testing.TB, id string) *Answer {
	t.Helper()
	return c.Do(t, http.MethodGet, "/v1/ingestion/jobs/"+id+"/outcomes", "", nil)
}

// Cancel returns the response to cancelling a job, whatever its status.
func (c *Client) Cancel(t testing.TB, id string) *Answer {
	t.Helper()
	return c.Do(t, http.MethodDelete, "/v1/ingestion/jobs/"+id, "", nil)
}

// Redrive returns the response to redriving a job, whatever its status.
func (c *Client) Redrive(t testing.TB, id string) *Answer {
	t.Helper()
	return c.Do(t, http.MethodPost, "/v1/ingestion/jobs/"+id+"/redrive", "", nil)
}

// Put uploads a file with a ticket.
func (c *Client) Put(t testing.TB, ticket Ticket, file []byte) *Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), ticket.Method, ticket.UploadURL, bytes.NewReader(file))
	check(t, err)
	for name, value := range ticket.Headers {
		req.Header.Set(name, value)
	}
	return c.Send(t, req)
}

// Upload uploads a file and returns its job's id; the test fails if the upload is refused.
func (c *Client) Upload(t testing.TB, contentType string, file []byte) string {
	t.Helper()
	ticket := c.Ticket(t, contentType)
	if answer := c.Put(t, ticket, file); answer.Status != http.StatusOK {
		t.Fatalf("PUT: status %d: %s", answer.Status, answer.Body)
	}
	return ticket.UploadID
}
