//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// answer is the outcome of a request.
type answer struct {
	// status is 0 without a complete response.
	status int
	body   []byte
	// later: the response has a Retry-After.
	later bool
	// refused: the connection failed, so nothing was sent.
	refused bool
	err     error
}

func (a answer) ok() bool { return a.status >= 200 && a.status <= 299 }

// client sends requests and never repeats one.
type client struct{ http *http.Client }

// newClient returns a client that keeps its connections, or opens a new one for each
// request.
func newClient(keep bool) *client {
	return &client{&http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: !keep, MaxIdleConnsPerHost: 4},
	}}
}

func (c *client) send(method, url string, header map[string]string, body []byte) answer {
	req, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	req.GetBody = nil // with it net/http would repeat requests whose connection was cut
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		op, ok := errors.AsType[*net.OpError](err)
		return answer{err: err, refused: ok && op.Op == "dial"}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{err: err}
	}
	return answer{status: resp.StatusCode, body: raw, later: resp.Header.Get("Retry-After") != ""}
}
