package ingest

import (
	"errors"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// StartOver makes the job start again at its first batch, after a back-off. It is for a
// [Handler] that keeps data of each batch until its Finish, and finds it gone or damaged.
// The batches keep their keys, so a handler that deduplicates by [Batch.Key] has no effect
// twice. The attempt counts as failed; its code is "parts-lost" unless err is a [Failure]
// with its own. StartOver(nil) is nil.
func StartOver(err error) error {
	if err == nil {
		return nil
	}
	f := &Failure{Code: "parts-lost", Err: err,
		Message: "What was kept of the payload is gone or damaged; it must be processed again from its start"}
	if given, ok := errors.AsType[*Failure](err); ok {
		f = &Failure{Code: given.Code, Message: given.Message, Err: err, issues: given.issues}
	}
	f.startOver = true
	return f
}

// retry records that another attempt follows: from the last checkpoint, or from the start.
func (f *Failure) retry(j *jobs.Job, now time.Time, claim jobs.Claim, at time.Time) error {
	if f.startOver {
		return j.StartOver(now, claim, f.record(now), at)
	}
	return j.Retry(now, claim, f.record(now), at)
}

// checkOutputs compares the counts of a handler's outputs with the record's number of done
// resources. It accepts outputs without counts.
func checkOutputs(job *jobs.Job, outputs []jobs.Output) error {
	var sum int64
	for _, out := range outputs {
		sum += out.Count
	}
	if sum == 0 || sum == job.Progress.Done {
		return nil
	}
	return &Failure{Code: "outputs-incomplete", Permanent: true,
		Message: "The outputs do not add up to the number of resources that were processed",
		Err:     fmt.Errorf("ingest: the outputs hold %d resources, but %d are done", sum, job.Progress.Done)}
}
