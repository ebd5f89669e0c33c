package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/samples"
	"github.com/fhirdock/fhirdock/examples/internal/terminal"
)

// webhookLimit is the maximum size of a Bundle sent by webhook; larger ones are uploaded.
// It is the front door's default.
const webhookLimit = 64 << 20

// senders is the number of payloads in progress at once.
const senders = 4

// sendAll sends the payloads and follows their jobs to the end. It prints each result as
// soon as it is known. Payloads that were not started when ctx ended have no result.
func sendAll(ctx context.Context, c *frontdoor.Client, payloads []samples.Payload, display *terminal.Display) []*result {
	var mu sync.Mutex
	var results []*result
	g := new(errgroup.Group)
	g.SetLimit(senders)
	for _, p := range payloads {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			task := display.Start(filepath.Base(p.Name))
			r := &result{Payload: p}
			r.err = send(ctx, c, r, task)
			task.Done(r.row())
			mu.Lock()
			defer mu.Unlock()
			results = append(results, r)
			return nil
		})
	}
	_ = g.Wait() // errors are in the results
	return results
}

// send sends one payload and follows its job.
func send(ctx context.Context, c *frontdoor.Client, r *result, task *terminal.Task) error {
	file, err := r.Open()
	if err != nil {
		return err
	}
	defer file.Close()
	body := io.TeeReader(file, &sentBytes{of: r.Size, task: task})
	if r.uploaded() {
		ticket, err := c.UploadURL(ctx, r.ContentType, r.Size)
		if err != nil {
			return err
		}
		r.id = ticket.UploadID
		if err := c.Upload(ctx, ticket, body, r.Size); err != nil {
			return err
		}
	} else {
		receipt, err := c.PostBundle(ctx, body, r.Size)
		if err != nil {
			return err
		}
		r.id = receipt.JobID
	}
	r.job, err = c.Follow(ctx, r.id, func(job *frontdoor.Job) {
		if job.Progress.Bytes < r.Size {
			task.Update("%s, %s, %s", job.Status, percent(job.Progress.Bytes, r.Size), number(job.Progress.Done, "resource"))
		} else {
			task.Update("all processed, the output is being written")
		}
	})
	return err
}

// sentBytes shows how much of a payload is sent.
type sentBytes struct {
	n, of int64
	task  *terminal.Task
}

func (s *sentBytes) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	s.task.Update("%s sent", percent(s.n, s.of))
	return len(p), nil
}

func percent(n, of int64) string {
	return fmt.Sprintf("%d%%", min(n, of)*100/max(of, 1)) // a file may have grown
}
