package fhirbundle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// CodeSystem is the system of the codes of [Rules] in an [OperationOutcome].
const CodeSystem = "https://github.com/fhirdock/fhirdock/fhirbundle/rules"

// OperationOutcome is FHIR's resource of that name, as far as issues need it
// (http://hl7.org/fhir/R4/operationoutcome.html). It is made to be written and
// read with encoding/json.
type OperationOutcome struct {
	ResourceType string         `json:"resourceType"`
	Issue        []OutcomeIssue `json:"issue"`
}

// OutcomeIssue is OperationOutcome.issue.
type OutcomeIssue struct {
	// Severity is fatal, error, warning or information.
	Severity string `json:"severity"`
	// Code is of FHIR's IssueType.
	Code string `json:"code"`
	// Details has the rule's code and the message.
	Details *CodeableConcept `json:"details,omitempty"`
	// Diagnostics says where: "entry 3, line 17, byte offset 512"; empty where
	// the issue has no place.
	Diagnostics string `json:"diagnostics,omitempty"`
	// Expression is the issue's path.
	Expression []string `json:"expression,omitempty"`
}

// CodeableConcept is FHIR's data type, as far as it is needed here.
type CodeableConcept struct {
	Coding []Coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

// Coding is FHIR's data type, as far as it is needed here.
type Coding struct {
	System string `json:"system,omitempty"`
	Code   string `json:"code,omitempty"`
}

// allFine is the code of the one issue of an outcome that has none: FHIR wants
// at least one.
const allFine = "no-issues"

// issueTypes are the codes of FHIR's IssueType, R4 to R5.
var issueTypes = []string{
	"business-rule", "code-invalid", "conflict", "deleted", "duplicate", "exception", "expired", "extension",
	"forbidden", "incomplete", "informational", "invalid", "invariant", "limited-filter", "lock-error", "login",
	"multiple-matches", "no-store", "not-found", "not-supported", "processing", "required", "security", "structure",
	"success", "suppressed", "throttled", "timeout", "too-costly", "too-long", "transient", "unknown", "value",
}

// NewOutcome makes an OperationOutcome of issues. Without issues it has one, of
// severity information, that says so. The IssueType of an issue is that of its
// rule; an issue whose code is none of [Rules] may have an IssueType for its
// code, and is of type processing otherwise.
func NewOutcome(issues []Issue) *OperationOutcome {
	o := &OperationOutcome{ResourceType: "OperationOutcome"}
	for _, is := range issues {
		out := OutcomeIssue{
			Severity:    string(is.Severity),
			Code:        "processing",
			Details:     &CodeableConcept{Coding: []Coding{{CodeSystem, is.Code}}, Text: is.Message},
			Diagnostics: place2text(is),
		}
		if r, ok := ruleOf(is.Code); ok {
			out.Code = r.IssueType
		} else if slices.Contains(issueTypes, is.Code) {
			out.Code = is.Code
			out.Details.Coding = nil // it is no code of our system
			if is.Message == "" {
				out.Details = nil // FHIR knows no empty objects
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

// Issues gives the issues back that an outcome was made of. Of an outcome that
// was made elsewhere it takes what there is: the IssueType is the code, and
// diagnostics the message if details have none. Such text is not ours, and may
// hold anything.
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
		if !text2place(out.Diagnostics, &is) && is.Message == "" {
			is.Message = out.Diagnostics
		}
		issues = append(issues, is)
	}
	return issues
}

// place2text says where an issue is, in words that text2place understands.
func place2text(is Issue) string {
	if is.Entry == nil && is.Line == 0 && is.Offset == 0 {
		return "" // of ours each has a line: it is not about a document
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

func text2place(text string, is *Issue) bool {
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
