package fhirbundle

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOutcomeRoundTrip: issues survive a round trip through JSON.
func TestOutcomeRoundTrip(t *testing.T) {
	third := int64(3)
	issues := []Issue{
		{Code: "bundle-type", Severity: SeverityError, Message: "Unsupported bundle type: none", Path: "Bundle.type", Line: 1},
		{Code: "fhir-json-null", Severity: SeverityWarning, Message: "null, somewhere", Path: "Bundle.entry[3].resource", Entry: &third, Line: 17, Offset: 512},
		{Code: "made-elsewhere", Severity: SeverityInformation, Message: "x", Offset: 1 << 40},
	}
	for _, rule := range Rules() {
		issues = append(issues, Issue{Code: rule.Code, Severity: rule.Severity(LevelStrict), Message: rule.Message})
	}
	raw, err := json.Marshal(NewOutcome(issues))
	require.NoError(t, err)
	require.NoError(t, CheckJSON(raw, nil))
	var back OperationOutcome
	require.NoError(t, json.Unmarshal(raw, &back))
	assert.Equal(t, issues, back.Issues())
	assert.Equal(t, "OperationOutcome", back.ResourceType)
	assert.Equal(t, "not-supported", back.Issue[0].Code)
	assert.Equal(t, "entry 3, line 17, byte offset 512", back.Issue[1].Diagnostics)

	// It is FHIR itself, as far as this package sees.
	rep := must(ValidateBytes(append(raw, '\n'), &Options{Format: FormatNDJSON, Level: LevelStrict}))
	assert.Zero(t, rep.Rejected, rep.Issues)
}

func TestOutcomeOfNothing(t *testing.T) {
	o := NewOutcome(nil)
	require.Len(t, o.Issue, 1)
	assert.Equal(t, "information", o.Issue[0].Severity)
	assert.Equal(t, "informational", o.Issue[0].Code)
	assert.Empty(t, o.Issues())
}

// TestForeignOutcome: another server's outcome is read as far as possible.
func TestForeignOutcome(t *testing.T) {
	var o OperationOutcome
	require.NoError(t, json.Unmarshal([]byte(`{"resourceType":"OperationOutcome","issue":[
		{"severity":"fatal","code":"processing","diagnostics":"went wrong, entry 3"},
		{"severity":"warning","code":"value","details":{"text":"odd","coding":[{"system":"urn:x","code":"y"}]},"expression":["Patient.id"],"diagnostics":"entry x"},
		{"severity":"error","code":"value","diagnostics":"line -1"}]}`), &o))
	assert.Equal(t, []Issue{
		{Code: "processing", Severity: SeverityError, Message: "went wrong, entry 3"},
		{Code: "value", Severity: SeverityWarning, Message: "odd", Path: "Patient.id"},
		{Code: "value", Severity: SeverityError, Message: "line -1"},
	}, o.Issues())
}

// TestOutcomeWithoutDocument: an issue without a document has no position, and an
// IssueType stays one.
func TestOutcomeWithoutDocument(t *testing.T) {
	for code, want := range map[string]string{
		"not-found": `{"severity":"error","code":"not-found","details":{"text":"No such job"}}`,
		"elsewhere": `{"severity":"error","code":"processing","details":{"coding":[{"system":"` + CodeSystem + `","code":"elsewhere"}],"text":"No such job"}}`,
	} {
		issues := []Issue{{Code: code, Severity: SeverityError, Message: "No such job"}}
		raw, err := json.Marshal(NewOutcome(issues))
		require.NoError(t, err)
		assert.Equal(t, `{"resourceType":"OperationOutcome","issue":[`+want+`]}`, string(raw))
		assert.Equal(t, issues, NewOutcome(issues).Issues())
	}
	raw, err := json.Marshal(NewOutcome([]Issue{{Code: "login", Severity: SeverityError}}))
	require.NoError(t, err)
	assert.Equal(t, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"login"}]}`, string(raw))
	for _, r := range Rules() {
		assert.Contains(t, issueTypes, r.IssueType, r.Code)
	}
}
