package fhirbundle

// Severity of an [Issue], in the words of FHIR's IssueSeverity.
type Severity string

// The severities of issues; a payload is refused for a SeverityError only.
const (
	SeverityError       Severity = "error"
	SeverityWarning     Severity = "warning"
	SeverityInformation Severity = "information"
	// SeverityNone is for [Options.Severities] only: the rule is not reported.
	SeverityNone Severity = "none"
)

// Issue is one finding. It holds nothing of the payload's values.
type Issue struct {
	// Code of the rule; stable. See [Rules].
	Code string `json:"code"`
	// Severity as judged at the reader's level.
	Severity Severity `json:"severity"`
	// Message says what is wrong and what is allowed.
	Message string `json:"message"`
	// Path is FHIRPath-like, for example Bundle.entry[3].resource; it names
	// only elements that FHIR defines at that place.
	Path string `json:"path,omitempty"`
	// Entry is the index of the entry or of the line that is not blank, from
	// 0, or nil where the finding is not inside one.
	Entry *int64 `json:"entry,omitempty"`
	// Line from 1; 0 where it is not known.
	Line int64 `json:"line,omitempty"`
	// Offset in bytes from the start of the document.
	Offset int64 `json:"offset"`
}

func hasError(issues []Issue) bool {
	for i := range issues {
		if issues[i].Severity == SeverityError {
			return true
		}
	}
	return false
}
