package httpbody

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// body is a request's body with a deadline that moves with its progress.
type body struct {
	io.ReadCloser
	control *http.ResponseController
	limits  *Limits
	ctx     context.Context
	length  int64 // -1 if unknown

	read  int64
	spent time.Duration // waiting for the client
	left  time.Duration // for the client's next byte, by Stall and MinRate
	err   error         // that ended reading, including io.EOF
	began bool
	stop  func() bool // stops watching ctx

	mu      sync.Mutex // guards stopped and closed
	stopped bool       // by ctx
	closed  bool       // the last deadline is set: at the end of the body, or of the handler
}

func newBody(r *http.Request, control *http.ResponseController, limits *Limits) *body {
	if outer, ok := r.Body.(*body); ok && !outer.began {
		outer.limits, outer.left = limits, limits.Stall
		return outer
	}
	return &body{
		ReadCloser: r.Body, control: control, limits: limits, ctx: r.Context(), length: r.ContentLength,
		left: limits.Stall, stop: func() bool { return true },
	}
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if !b.began {
		b.began = true
		b.stop = context.AfterFunc(b.ctx, b.interrupt)
	}
	allowed, start := b.allowed(), time.Now()
	if allowed <= 0 {
		b.err = ErrTooSlow
		return 0, b.err
	}
	if !b.setDeadline(start.Add(allowed)) {
		b.err = ErrStopped
		return 0, b.err
	}
	n, err := b.ReadCloser.Read(p)
	took := time.Since(start)
	b.read += int64(n)
	b.spent += took
	b.left = min(b.left-took+seconds(int64(n), b.limits.MinRate), b.limits.Stall)
	switch {
	case err == io.EOF:
		b.close(time.Time{}) // no deadline for processing the body
	case errors.Is(err, os.ErrDeadlineExceeded):
		if err = ErrTooSlow; took < allowed {
			err = ErrStopped
		}
	}
	b.err = err
	return n, err
}

// allowed returns how long the client may take for its next byte.
func (b *body) allowed() time.Duration {
	whole := b.limits.Timeout + seconds(max(b.length, b.read), b.limits.TimeoutRate)
	return min(b.left, whole-b.spent)
}

// seconds returns the time that n bytes take at a rate, without overflow.
func seconds(n, rate int64) time.Duration {
	const longest = 1 << 31 // seconds, which are 68 years
	if n/rate >= longest {
		return longest * time.Second
	}
	return time.Duration(n/rate)*time.Second + time.Duration(float64(n%rate)/float64(rate)*float64(time.Second))
}

// setDeadline reports whether reading may continue. It ignores errors, because tests without
// a connection have no deadlines.
func (b *body) setDeadline(at time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return false
	}
	_ = b.control.SetReadDeadline(at)
	return true
}

// interrupt interrupts a Read that waits for the client.
func (b *body) interrupt() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.stopped = true
	_ = b.control.SetReadDeadline(time.Now())
}

// close sets the last deadline.
func (b *body) close(deadline time.Time) {
	b.stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	_ = b.control.SetReadDeadline(deadline)
}

// ended reports whether all of the body was read.
func (b *body) ended() bool { return b.err == io.EOF }
