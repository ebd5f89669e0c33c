package ingest

import (
	"encoding/json"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/jobs"
)

// Receipt is what the sender of an accepted payload gets.
type Receipt struct {
	Job *jobs.Job
	// Warnings are findings that did not stop the payload.
	Warnings []fhirbundle.Issue
	// Repeated: the job was there already, under the same Idempotency-Key.
	Repeated bool
}

// Issues decodes the findings that a job or its failure carries. What is not a
// list of findings gives none.
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

// rawIssues is the reverse of Issues.
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
