// Package outcome makes an OperationOutcome of the findings in a file.
package outcome

import "github.com/fhirdock/fhirdock/fhirbundle"

// Extensions for the file, and for the line and column of an issue. HL7's own validator
// uses them too.
const (
	fileExtension   = "http://hl7.org/fhir/StructureDefinition/operationoutcome-file"
	lineExtension   = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line"
	columnExtension = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col"
)

// Outcome is an OperationOutcome that names a file. Write it with encoding/json.
type Outcome struct {
	ResourceType string      `json:"resourceType"`
	Extension    []Extension `json:"extension"`
	Issue        []Issue     `json:"issue"`
}

// Issue is OperationOutcome.issue with its line and column.
type Issue struct {
	Extension []Extension `json:"extension,omitempty"`
	fhirbundle.OutcomeIssue
}

// Extension is FHIR's data type, with the values that a place needs.
type Extension struct {
	URL          string `json:"url"`
	ValueString  string `json:"valueString,omitempty"`
	ValueInteger int64  `json:"valueInteger,omitempty"`
}

// Finding is an issue and its column, from 1, or 0 if that is unknown.
type Finding struct {
	fhirbundle.Issue
	Column int64
}

// New makes the outcome of a file. Without findings it has one issue that says so.
func New(file string, findings []Finding) *Outcome {
	var issues []fhirbundle.Issue
	for _, f := range findings {
		issues = append(issues, f.Issue)
	}
	o := &Outcome{ResourceType: "OperationOutcome", Extension: []Extension{{URL: fileExtension, ValueString: file}}}
	for i, is := range fhirbundle.NewOutcome(issues).Issue {
		issue := Issue{OutcomeIssue: is}
		if i < len(findings) {
			issue.Extension = findings[i].place()
		}
		o.Issue = append(o.Issue, issue)
	}
	return o
}

// place returns the line and the column if FHIR's integers can hold them.
func (f Finding) place() []Extension {
	var all []Extension
	for _, e := range []Extension{{URL: lineExtension, ValueInteger: f.Line}, {URL: columnExtension, ValueInteger: f.Column}} {
		if e.ValueInteger > 0 && e.ValueInteger < 1<<31 {
			all = append(all, e)
		}
	}
	return all
}
