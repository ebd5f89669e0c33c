package main

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
)

// senders is the number of payloads in progress at once.
const senders = 4

// result is the outcome of a payload.
type result struct {
	*payload
	source string
	id     string         // the job's, if any
	job    *frontdoor.Job // as last seen; may be nil
	err    error          // why it did not finish
}

// refused returns the front door's refusal, or nil.
func (r *result) refused() *frontdoor.Refusal {
	if refusal, ok := errors.AsType[*frontdoor.Refusal](r.err); ok {
		return refusal
	}
	return nil
}

// expected reports whether the outcome is the expected one.
func (r *result) expected() bool {
	if r.refusal != "" {
		f := r.refused()
		return f != nil && f.Status == 400 && f.Message == r.refusal
	}
	return r.err == nil && r.job != nil && r.job.Status == "completed"
}

// inside reports whether the payload failed for a reason inside the server. The front door
// does not tell its callers the reason; the log does.
func (r *result) inside() bool {
	if f := r.refused(); f != nil {
		return f.Status >= 500
	}
	if r.job == nil || r.job.Status != "failed" {
		return false
	}
	switch r.job.ErrorCode {
	case "processing", "payload-read", "handler", "handler-panic":
		return true
	}
	return false
}

// interrupted reports whether the payload was interrupted from outside.
func (r *result) interrupted() bool { return errors.Is(r.err, context.Canceled) }

// sendAll sends the payloads and follows their jobs to the end. Payloads that were not
// started when ctx ended are not in the result.
func sendAll(ctx context.Context, c *frontdoor.Client, payloads []*payload, v view) []*result {
	results := make([]*result, len(payloads))
	g := new(errgroup.Group)
	g.SetLimit(senders)
	for i, p := range payloads {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			r := &result{payload: p, source: "webhook"}
			if p.upload() {
				r.source = "presigned_upload"
			}
			track := v.begin(r)
			r.err = send(ctx, c, r, track)
			track.end(r)
			results[i] = r
			return nil
		})
	}
	_ = g.Wait() // errors are in the results
	done := results[:0]
	for _, r := range results {
		if r != nil {
			done = append(done, r)
		}
	}
	return done
}

// send sends one payload and follows its job.
func send(ctx context.Context, c *frontdoor.Client, r *result, track tracker) error {
	body, err := r.open()
	if err != nil {
		return err
	}
	defer body.Close()
	counted := &countingReader{src: body, seen: track.sent}
	if r.upload() {
		ticket, err := c.UploadURL(ctx, r.contentType(), r.size)
		if err != nil {
			return err
		}
		r.id = ticket.UploadID
		if err := c.Upload(ctx, ticket, counted, r.size); err != nil {
			return err
		}
	} else {
		receipt, err := c.PostBundle(ctx, counted, r.size)
		if err != nil {
			return err
		}
		r.id = receipt.JobID
	}
	job, err := c.Follow(ctx, r.id, track.working)
	if err != nil {
		return err
	}
	r.job = job
	return nil
}

// countingReader reports the number of bytes read so far.
type countingReader struct {
	src  io.Reader
	n    int64
	seen func(total int64)
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.n += int64(n)
	c.seen(c.n)
	return n, err
}
