package ingest

import (
	"encoding/json"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/jobs"
)

// Receipt is the result of accepting a payload.
type Receipt struct {
	Job *jobs.Job
	// Warnings are findings below the severity of an error.
	Warnings []fhirbundle.Issue
	// Repeated reports that the job already existed, under the same Idempotency-Key.
	Repeated bool
}

// Issues decodes the findings of a job or of its failure. It returns nil for anything
// that is not a list of findings.
func Issues(raw json.RawMessage) []fhirbundle.Issue {
	if len(raw) == 0 {
		return nil
	}
	var issues []fhirbundle.Issue
	if json.Unmarshal(raw, &issues) != nil {
		return nil
	}
	return issues
}

// rawIssues is the inverse of Issues.
func rawIssues(issues []fhirbundle.Issue) json.RawMessage {
	if len(issues) == 0 {
		return nil
	}
	raw, err := json.Marshal(issues)
	if err != nil {
		return nil // an Issue is strings and numbers, which always encode
	}
	return raw
}
