package ingest

import (
	"context"
	"fmt"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// codeJunk is the Code of [EventMessageIgnored] for what is neither a wake-up nor a
// message that names an object.
const codeJunk = "junk"

// WorkMessage does with a message of the queue what [Worker.Run] does with each, for
// programs that are called with their messages, such as a function in a cloud:
//
//   - A wake-up: its job is worked on; see [Worker.Work].
//   - A [queue.S3Message], of the service that fhirdock succeeds or of any other that
//     names objects so: the object is adopted, as [Options.Adopt] has it. What the
//     message says of organization and user is not believed, and the object's own
//     job_id is no reason against it where the message names the same. The job is
//     woken by a wake-up of its own.
//   - Any other: there is nothing to be done with it.
//
// An error that matches [queue.ErrDeadLetter] is for a message of the second kind whose
// object was not adopted, and for the third: it was counted as [EventMessageIgnored],
// and the message should be put aside where an operator finds it. It names the reason
// and holds nothing else of the message. Any other error means that a back end did not
// answer, or no time was left: give the message back.
func (w *Worker) WorkMessage(ctx context.Context, body []byte) error {
	return w.message(ctx, body, func(id string) error { return w.Work(ctx, id) })
}

// message tells a wake-up, for which it calls work, from what other services queue.
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

// deadLetter counts a message with which nobody can do anything.
func (s *Service) deadLetter(code, folder string) error {
	s.opts.Observe(Event{Kind: EventMessageIgnored, Code: code})
	if folder != "" {
		return fmt.Errorf("%w: its object, below %s, is not adopted: %s", queue.ErrDeadLetter, folder, code)
	}
	return fmt.Errorf("%w: %s", queue.ErrDeadLetter, code)
}
