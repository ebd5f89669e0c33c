package ingest

import (
	"context"
	"fmt"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// codeJunk is the Code of [EventMessageIgnored] for a message that is neither a wake-up
// nor names an object.
const codeJunk = "junk"

// WorkMessage handles one message of the queue as [Worker.Run] does, for programs that
// are called with their messages, such as cloud functions:
//
//   - A wake-up: Work is called with its job; see [Worker.Work].
//   - A [queue.S3Message], from fhirdock's predecessor or another program that uses its
//     format: the object that it names is adopted according to [Options.Adopt]. The
//     organization and the user in the message are ignored. A job_id in the object's
//     metadata does not matter if the message has the same one. The new job gets its own
//     wake-up.
//   - Any other message is refused.
//
// The error matches [queue.ErrDeadLetter] if an S3Message's object was not adopted, and
// for any other message: it was counted as [EventMessageIgnored], and belongs in a
// dead-letter queue, where an operator finds it. The error has the reason and nothing
// else of the message. Any other error means that a back end did not answer, or that no
// time was left: give the message back.
func (w *Worker) WorkMessage(ctx context.Context, body []byte) error {
	return w.message(ctx, body, func(id string) error { return w.Work(ctx, id) })
}

// message handles a message of the queue; it calls work for a wake-up.
func (w *Worker) message(ctx context.Context, body []byte, work func(id string) error) error {
	foreign, notForeign := queue.DecodeS3Message(body)
	if notForeign != nil {
		wakeUp, err := queue.Decode(body)
		if err != nil || !jobs.ValidID(wakeUp.JobID) {
			return w.svc.deadLetter(codeJunk, "")
		}
		return work(wakeUp.JobID)
	}
	if foreign.Bucket != w.svc.blobs.Name() {
		return w.svc.deadLetter(codeOtherBucket, "")
	}
	code, err := w.svc.adopt(ctx, adoptRequest{key: foreign.Key, jobID: foreign.JobID})
	if err != nil {
		return err
	}
	if code != "" {
		return w.svc.deadLetter(code, shown(foreign.Key))
	}
	return nil
}

// deadLetter counts a message that can't be handled, and returns the error for it.
func (s *Service) deadLetter(code, folder string) error {
	s.opts.Observe(Event{Kind: EventMessageIgnored, Code: code})
	if folder != "" {
		return fmt.Errorf("%w: its object, below %s, is not adopted: %s", queue.ErrDeadLetter, folder, code)
	}
	return fmt.Errorf("%w: %s", queue.ErrDeadLetter, code)
}
