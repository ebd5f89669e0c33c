package httpapi

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// body is a request's body under a deadline that moves with its progress: a
// sender may take its time, but not stand still.
type body struct {
	src     io.Reader
	control *http.ResponseController
	idle    time.Duration
	set     time.Time
	stalled bool
}

func (h *api) body(w http.ResponseWriter, r *http.Request) *body {
	return &body{src: r.Body, control: http.NewResponseController(w), idle: h.opts.BodyIdleTimeout}
}

func (b *body) Read(p []byte) (int, error) {
	// A writer without deadlines, as in a test without a connection, is fine.
	if now := time.Now(); now.Sub(b.set) > b.idle/10 {
		_ = b.control.SetReadDeadline(now.Add(b.idle))
		b.set = now
	}
	n, err := b.src.Read(p)
	switch {
	case err == io.EOF:
		// The deadline is the body's, not that of what is done with it.
		_ = b.control.SetReadDeadline(time.Time{})
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.stalled = true
	}
	return n, err
}

var errStalled = &httpError{status: http.StatusRequestTimeout, message: "The request body stood still for too long"}
