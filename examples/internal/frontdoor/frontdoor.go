// Package frontdoor is a small client of fhirdock's HTTP API, for the example programs and
// their tests. It does not use the library.
package frontdoor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client calls one front door as one caller. It is safe for concurrent use.
type Client struct {
	Base  string // for example http://127.0.0.1:8080
	Token string // bearer token
	// HTTP sends the requests. Default http.DefaultClient.
	HTTP *http.Client
}

// Receipt of an accepted Bundle.
type Receipt struct {
	JobID         string           `json:"jobId"`
	Status        string           `json:"status"`
	Message       string           `json:"message"`
	ResourceCount map[string]int64 `json:"resourceCount"`
	Issues        []Issue          `json:"issues"`
}

// Ticket for an upload.
type Ticket struct {
	UploadID  string            `json:"uploadId"`
	UploadURL string            `json:"uploadUrl"`
	Method    string            `json:"method"`
	Headers   map[string]string `json:"headers"`
	Key       string            `json:"key"`
}

// Job is the state of a job.
type Job struct {
	JobID         string           `json:"jobId"`
	Status        string           `json:"status"`
	Source        string           `json:"source"`
	Message       string           `json:"message"`
	ResourceCount map[string]int64 `json:"resourceCount"`
	Progress      struct {
		Done       int64 `json:"done"`
		Rejected   int64 `json:"rejected"`
		Bytes      int64 `json:"bytes"`
		TotalBytes int64 `json:"totalBytes"`
	} `json:"progress"`
	Attempt    int       `json:"attempt"`
	CreatedAt  time.Time `json:"createdAt"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
	Error      string    `json:"error"`
	ErrorCode  string    `json:"errorCode"`
	Issues     []Issue   `json:"issues"`
	Outputs    []Output  `json:"outputs"`
}

// Output is one object that came out of a job.
type Output struct {
	Type  string `json:"type"`
	Key   string `json:"key"`
	Count int64  `json:"count"`
	Bytes int64  `json:"bytes"`
}

// Issue is one finding.
type Issue struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	Path     string `json:"path"`
}

// Finished reports whether the job has ended.
func (j *Job) Finished() bool {
	switch j.Status {
	case "completed", "failed", "expired", "cancelled":
		return true
	}
	return false
}

// Refusal is an error response.
type Refusal struct {
	Status    int    // HTTP
	Message   string `json:"error"`
	RequestID string `json:"requestId"`
	Issues    []Issue
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("%d %s: %s", r.Status, http.StatusText(r.Status), r.Message)
}

// PostBundle sends a Bundle of size bytes to the webhook.
func (c *Client) PostBundle(ctx context.Context, body io.Reader, size int64) (*Receipt, error) {
	var r Receipt
	err := c.do(ctx, http.MethodPost, "/v1/ingestion/fhir/Bundle", "application/fhir+json", body, size, &r)
	return &r, err
}

// UploadURL requests a signed upload.
func (c *Client) UploadURL(ctx context.Context, contentType string, size int64) (*Ticket, error) {
	ask, err := json.Marshal(map[string]any{"contentType": contentType, "contentLength": size})
	if err != nil {
		return nil, err
	}
	var t Ticket
	err = c.do(ctx, http.MethodPost, "/v1/ingestion/upload-url", "application/json", bytes.NewReader(ask), int64(len(ask)), &t)
	return &t, err
}

// Upload sends a ticket's file. It sends no credentials: the URL has them.
func (c *Client) Upload(ctx context.Context, t *Ticket, body io.Reader, size int64) error {
	req, err := http.NewRequestWithContext(ctx, t.Method, t.UploadURL, plain{body})
	if err != nil {
		return err
	}
	req.ContentLength = size
	for name, value := range t.Headers {
		req.Header.Set(name, value)
	}
	return c.send(req, nil)
}

// Job returns a job.
func (c *Client) Job(ctx context.Context, id string) (*Job, error) {
	var j Job
	err := c.do(ctx, http.MethodGet, "/v1/ingestion/jobs/"+url.PathEscape(id), "", nil, 0, &j)
	return &j, err
}

// Cancel cancels a job that is not finished.
func (c *Client) Cancel(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/v1/ingestion/jobs/"+url.PathEscape(id), "", nil, 0, nil)
}

// Redrive accepts a finished job once more.
func (c *Client) Redrive(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodPost, "/v1/ingestion/jobs/"+url.PathEscape(id)+"/redrive", "", nil, 0, nil)
}

// Follow polls a job until it is finished, and calls see with each result.
func (c *Client) Follow(ctx context.Context, id string, see func(*Job)) (*Job, error) {
	// Start quickly, for jobs that take a few milliseconds.
	for pause := 10 * time.Millisecond; ; pause = min(pause*3/2, 250*time.Millisecond) {
		job, err := c.Job(ctx, id)
		if err != nil {
			return nil, err
		}
		if see != nil {
			see(job)
		}
		if job.Finished() {
			return job, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (c *Client) do(ctx context.Context, method, path, contentType string, body io.Reader, size int64, into any) error {
	if body != nil {
		body = plain{body}
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.Base, "/")+path, body)
	if err != nil {
		return err
	}
	req.ContentLength = size
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return c.send(req, into)
}

// plain hides a reader's other methods, so that net/http neither closes it early nor
// guesses its length.
type plain struct{ io.Reader }

func (c *Client) send(req *http.Request, into any) error {
	if req.ContentLength == 0 {
		req.Body = http.NoBody // any other body of length 0 has unknown length
	}
	h := c.HTTP
	if h == nil {
		h = http.DefaultClient
	}
	resp, err := h.Do(req)
	if err != nil {
		// Drop the URL: an upload's signature is as good as a password.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		r := &Refusal{}
		if json.Unmarshal(raw, r) != nil || r.Message == "" {
			r.Message = "the response is not from a front door"
		}
		r.Status = resp.StatusCode
		return r
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("unexpected response to %s %s: %w", req.Method, req.URL.Path, err)
	}
	return nil
}
