package ingesttest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
)

// Client calls the front door over HTTP, as one organization.
type Client struct {
	// URL of the front door, without a slash at its end, and bearer Token.
	URL   string
	Token string
	// HTTP sends the requests; it must not be nil.
	HTTP *http.Client
}

// As returns a client with another token; empty sends none.
func (c *Client) As(token string) *Client {
	d := *c
	d.Token = token
	return &d
}

// Answer is what came back.
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

// Do sends a request for a path below the front door's URL. contentType may be
// empty.
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
	return c.Send(t, req)
}

// Send sends a request as it is.
func (c *Client) Send(t testing.TB, req *http.Request) *Answer {
	t.Helper()
	resp, err := c.HTTP.Do(req)
	check(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	check(t, err)
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: raw}
}

// Accepted is the front door's answer to a payload that it took.
type Accepted struct {
	JobID         string           `json:"jobId"`
	Status        string           `json:"status"`
	ResourceCount map[string]int64 `json:"resourceCount"`
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

// Ticket is the front door's answer to a request for an upload URL.
type Ticket struct {
	UploadID  string            `json:"uploadId"`
	UploadURL string            `json:"uploadUrl"`
	Method    string            `json:"method"`
	Headers   map[string]string `json:"headers"`
	Bucket    string            `json:"bucket"`
	Key       string            `json:"key"`
}

// Ticket asks for an upload URL; the test fails if there is none.
func (c *Client) Ticket(t testing.TB, contentType string) Ticket {
	t.Helper()
	body, err := json.Marshal(map[string]string{"contentType": contentType})
	check(t, err)
	answer := c.Do(t, http.MethodPost, "/v1/ingestion/upload-url", "application/json", bytes.NewReader(body))
	if answer.Status != http.StatusOK {
		t.Fatalf("POST upload-url: status %d: %s", answer.Status, answer.Body)
	}
	var ticket Ticket
	answer.JSON(t, &ticket)
	return ticket
}

// Put uploads a file as a ticket says.
func (c *Client) Put(t testing.TB, ticket Ticket, file []byte) *Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), ticket.Method, ticket.UploadURL, bytes.NewReader(file))
	check(t, err)
	for name, value := range ticket.Headers {
		req.Header.Set(name, value)
	}
	return c.Send(t, req)
}

// Upload uploads a file and returns its job's id; the test fails if the file is
// not taken.
func (c *Client) Upload(t testing.TB, contentType string, file []byte) string {
	t.Helper()
	ticket := c.Ticket(t, contentType)
	if answer := c.Put(t, ticket, file); answer.Status != http.StatusOK {
		t.Fatalf("PUT: status %d: %s", answer.Status, answer.Body)
	}
	return ticket.UploadID
}
