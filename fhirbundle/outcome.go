package fhirbundle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// CodeSystem is the system of the codes of [Rules] in an [OperationOutcome].
const CodeSystem = "https://github.com/fhirdock/fhirdock/fhirbundle/rules"

// OperationOutcome is FHIR's resource of that name, with the elements that issues need
// (http://hl7.org/fhir/R4/operationoutcome.html). Write and read it with encoding/json.
type OperationOutcome struct {
	ResourceType string         `json:"resourceType"`
	Issue        []OutcomeIssue `json:"issue"`
}

// OutcomeIssue is OperationOutcome.issue.
type OutcomeIssue struct {
	// Severity is fatal, error, warning or information.
	Severity string `json:"severity"`
	// Code is one of FHIR's IssueType.
	Code string `json:"code"`
	// Details has the rule's code and the message.
	Details *CodeableConcept `json:"details,omitempty"`
	// Diagnostics is the position, as in "entry 3, line 17, byte offset 512", or empty.
	Diagnostics string `json:"diagnostics,omitempty"`
	// Expression is the issue's path.
	Expression []string `json:"expression,omitempty"`
}

// CodeableConcept is FHIR's data type, with the elements that issues need.
type CodeableConcept struct {
	Coding []Coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

// Coding is FHIR's data type, with the elements that issues need.
type Coding struct {
	System string `json:"system,omitempty"`
	Code   string `json:"code,omitempty"`
}

// allFine is the code of the one issue of an outcome without findings: FHIR requires at
// least one.
const allFine = "no-issues"

// issueTypes are the codes of FHIR's IssueType, from R4 to R5.
var issueTypes = []string{
	"business-rule", "code-invalid", "conflict", "deleted", "duplicate", "exception", "expired", "extension",
	"forbidden", "incomplete", "informational", "invalid", "invariant", "limited-filter", "lock-error", "login",
	"multiple-matches", "no-store", "not-found", "not-supported", "processing", "required", "security", "structure",
	"success", "suppressed", "throttled", "timeout", "too-costly", "too-long", "transient", "unknown", "value",
}

// NewOutcome makes an OperationOutcome from issues. Without issues it has one of
// severity information that says so. The type of an issue is the IssueType of its rule.
// An issue whose code is not one of [Rules] may have an IssueType as its code; otherwise
// its type is processing.
func NewOutcome(issues []Issue) *OperationOutcome {
	o := &OperationOutcome{ResourceType: "OperationOutcome"}
	for _, is := range issues {
		out := OutcomeIssue{
			Severity:    string(is.Severity),
			Code:        "processing",
			Details:     &CodeableConcept{Coding: []Coding{{CodeSystem, is.Code}}, Text: is.Message},
			Diagnostics: positionText(is),
		}
		if r, ok := ruleOf(is.Code); ok {
			out.Code = r.IssueType
		} else if slices.Contains(issueTypes, is.Code) {
			out.Code = is.Code
			out.Details.Coding = nil // it is not a code of CodeSystem
			if is.Message == "" {
				out.Details = nil // FHIR has no empty objects
			}
		}
		if is.Path != "" {
			out.Expression = []string{is.Path}
		}
		o.Issue = append(o.Issue, out)
	}
	if len(issues) == 0 {
		o.Issue = []OutcomeIssue{{
			Severity: string(SeverityInformation), Code: "informational",
			Details: &CodeableConcept{Coding: []Coding{{CodeSystem, allFine}}, Text: "No issues"},
		}}
	}
	return o
}

// Issues returns the issues that an outcome was made from. An outcome from elsewhere
// gives the IssueType as the code, and diagnostics as the message if there are no
// details. Such text may contain anything, even data about patients.
func (o *OperationOutcome) Issues() []Issue {
	var issues []Issue
	for _, out := range o.Issue {
		is := Issue{Code: out.Code, Severity: Severity(out.Severity)}
		if out.Severity == "fatal" {
			is.Severity = SeverityError
		}
		if d := out.Details; d != nil {
			is.Message = d.Text
			for _, c := range d.Coding {
				if c.System == CodeSystem {
					is.Code = c.Code
				}
			}
		}
		if is.Code == allFine {
			continue
		}
		if len(out.Expression) > 0 {
			is.Path = out.Expression[0]
		}
		if !parsePosition(out.Diagnostics, &is) && is.Message == "" {
			is.Message = out.Diagnostics
		}
		issues = append(issues, is)
	}
	return issues
}

// positionText returns the position of an issue, in a form that parsePosition understands.
func positionText(is Issue) string {
	if is.Entry == nil && is.Line == 0 && is.Offset == 0 {
		return "" // our issues have a line: this one is not about a document
	}
	var b strings.Builder
	if is.Entry != nil {
		fmt.Fprintf(&b, "entry %d, ", *is.Entry)
	}
	if is.Line > 0 {
		fmt.Fprintf(&b, "line %d, ", is.Line)
	}
	fmt.Fprintf(&b, "byte offset %d", is.Offset)
	return b.String()
}

func parsePosition(text string, is *Issue) bool {
	var at Issue
	for part := range strings.SplitSeq(text, ", ") {
		cut := strings.LastIndexByte(part, ' ')
		if cut < 0 {
			return false
		}
		n, err := strconv.ParseInt(part[cut+1:], 10, 64)
		if err != nil || n < 0 {
			return false
		}
		switch part[:cut] {
		case "entry":
			at.Entry = &n
		case "line":
			at.Line = n
		case "byte offset":
			at.Offset = n
		default:
			return false
		}
	}
	is.Entry, is.Line, is.Offset = at.Entry, at.Line, at.Offset
	return true
}
