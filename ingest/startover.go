package ingest

import (
	"errors"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// StartOver marks an error of a [Handler] that keeps something of each batch until
// its Finish, and finds it gone or damaged: the job begins again, after a back-off, at
// its first batch. The batches have the keys that they had, so whoever minds
// [Batch.Key] makes no effect twice. It counts as an attempt like any error, with the
// code "parts-lost" unless err is a [Failure] with its own.
func StartOver(err error) error {
	if err == nil {
		return nil
	}
	f := &Failure{Code: "parts-lost", Err: err,
		Message: "What was kept of the payload is gone or damaged; it is processed again from its start"}
	if given, ok := errors.AsType[*Failure](err); ok {
		f = &Failure{Code: given.Code, Message: given.Message, Err: err, issues: given.issues}
	}
	f.startOver = true
	return f
}

// retry records that another attempt is to be made: from the last checkpoint, or
// from the start.
func (f *Failure) retry(j *jobs.Job, now time.Time, claim jobs.Claim, at time.Time) error {
	if f.startOver {
		return j.StartOver(now, claim, f.record(now), at)
	}
	return j.Retry(now, claim, f.record(now), at)
}

// checkOutputs holds a handler's outputs against what the record counted: what is
// said to be done must be somewhere. Outputs that count nothing are not held to it.
func checkOutputs(job *jobs.Job, outputs []jobs.Output) error {
	var sum int64
	for _, out := range outputs {
		sum += out.Count
	}
	if sum == 0 || sum == job.Progress.Done {
		return nil
	}
	return &Failure{Code: "outputs-incomplete", Permanent: true,
		Message: "What came out of the payload does not add up to what was done of it",
		Err:     fmt.Errorf("ingest: the outputs hold %d resources, and %d are done", sum, job.Progress.Done)}
}
