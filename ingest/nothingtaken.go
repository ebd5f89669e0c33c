package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/jobs"
)

// hopelessLines is the number of broken lines at the start of an NDJSON file after which
// it is given up: the rest would only make the outcomes longer.
const hopelessLines = 1000

// hopeless reports whether to give up an NDJSON file. ResourceCounts counts all lines that
// were read, including those that the handler rejected.
func hopeless(j *jobs.Job) bool {
	return j.Payload.Format == string(fhirbundle.FormatNDJSON) && len(j.ResourceCounts) == 0 && j.Progress.Rejected >= hopelessLines
}

// nothingTaken fails a job whose resources were all rejected.
func (a *attempt) nothingTaken(ctx context.Context) error {
	job := a.lease.current()
	if d, ok := a.w.handler.(Discarder); ok {
		if err := a.w.handle(ctx, func(ctx context.Context) error { return d.Discard(ctx, job) }); err != nil {
			return err
		}
		a.lease.moved()
	}
	f := &Failure{Code: CodeNothingTaken, Permanent: true, restart: true}
	switch format := fhirbundle.Format(job.Payload.Format); {
	case format == fhirbundle.FormatBundle && job.Payload.BundleType == "transaction":
		f.Code = CodeTransactionRejected
		f.Message = "A transaction is all or nothing, and an entry of it was rejected; see the outcomes"
		return f
	case format == fhirbundle.FormatNDJSON && len(job.ResourceCounts) == 0:
		first, err := a.firstFinding(ctx)
		if err != nil {
			return err
		}
		if first != nil {
			f.issues = []fhirbundle.Issue{*first}
			f.Message = "No line of the file could be taken. " + first.Message
			if hopeless(job) {
				f.Message = fmt.Sprintf("The first %d lines of the file are all broken, and the rest was not read. %s", job.Progress.Rejected, first.Message)
			}
			return f
		}
	}
	f.Message = fmt.Sprintf("Nothing could be taken: all resources (%d) were rejected; see the outcomes", job.Progress.Rejected)
	return f
}

// firstFinding returns why the first line of an NDJSON file was rejected, nil if it was
// not. It usually shows what is wrong with the file: compressed, or not NDJSON at all.
func (a *attempt) firstFinding(ctx context.Context) (*fhirbundle.Issue, error) {
	job := a.lease.current()
	if a.blocks == nil { // an earlier attempt handed everything over, so this one has not looked
		ok, err := a.verifiable(ctx)
		if err == nil && !ok {
			_, err = a.survey(ctx, nil)
		}
		if err != nil {
			return nil, err
		}
	}
	src, err := a.verified(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	reader, err := fhirbundle.NewReader(src, a.w.svc.reading(fhirbundle.FormatNDJSON, job.Payload.ContentType))
	if err != nil {
		return nil, err
	}
	e, err := reader.Next()
	if invalid, ok := errors.AsType[*fhirbundle.InvalidError](err); ok {
		return &invalid.First, nil
	}
	if err != nil {
		return nil, a.readError(err)
	}
	for i := range e.Issues {
		if e.Issues[i].Severity == fhirbundle.SeverityError {
			return &e.Issues[i], nil
		}
	}
	return nil, nil
}
