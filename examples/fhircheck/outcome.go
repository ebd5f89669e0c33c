package main

import (
	"encoding/json"
	"io"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

// outcomes prints an OperationOutcome for each payload, one a line, so that one payload
// gives a document and several give NDJSON. File, line and column are in HL7's extensions
// for them, as in HL7's own validator.
type outcomes struct {
	out io.Writer
}

const (
	fileExtension   = "http://hl7.org/fhir/StructureDefinition/operationoutcome-file"
	lineExtension   = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line"
	columnExtension = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col"
)

type outcome struct {
	ResourceType string         `json:"resourceType"`
	Extension    []extension    `json:"extension"`
	Issue        []outcomeIssue `json:"issue"`
}

type outcomeIssue struct {
	Extension []extension `json:"extension,omitempty"`
	fhirbundle.OutcomeIssue
}

type extension struct {
	URL          string `json:"url"`
	ValueString  string `json:"valueString,omitempty"`
	ValueInteger int64  `json:"valueInteger,omitempty"`
}

func (p *outcomes) print(r *result) error {
	enc := json.NewEncoder(p.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(newOutcome(r))
}

func (p *outcomes) end() error { return nil }

func newOutcome(r *result) *outcome {
	var issues []fhirbundle.Issue
	for _, f := range r.findings {
		issues = append(issues, f.Issue)
	}
	if more := r.unlisted(); more != "" {
		issues = append(issues, fhirbundle.Issue{Code: "informational", Severity: fhirbundle.SeverityInformation, Message: more})
	}
	if r.err != nil {
		issues = append(issues, fhirbundle.Issue{Code: "exception", Severity: "fatal", Message: r.err.Error()})
	}
	o := &outcome{ResourceType: "OperationOutcome", Extension: []extension{{URL: fileExtension, ValueString: r.name}}}
	for i, is := range fhirbundle.NewOutcome(issues).Issue {
		out := outcomeIssue{OutcomeIssue: is}
		if i < len(r.findings) {
			out.Extension = placeOf(r.findings[i])
		}
		o.Issue = append(o.Issue, out)
	}
	return o
}

// placeOf returns a finding's line and column if FHIR's integers can hold them.
func placeOf(f finding) []extension {
	var all []extension
	for _, e := range []extension{{URL: lineExtension, ValueInteger: f.Line}, {URL: columnExtension, ValueInteger: f.column}} {
		if e.ValueInteger > 0 && e.ValueInteger < 1<<31 {
			all = append(all, e)
		}
	}
	return all
}
