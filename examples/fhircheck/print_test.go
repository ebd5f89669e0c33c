package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/outcome"
	"github.com/fhirdock/fhirdock/examples/internal/sarif"
	"github.com/fhirdock/fhirdock/fhirbundle"
)

func TestText(t *testing.T) {
	folder(t, map[string]string{
		"good.json": good, "warned.json": warned, "bad.ndjson": oneBad,
		"late.json": "{\n  \"entry\": [{\"resource\": {\"resourceType\": \"Patient\"}}, {}],\n  \"resourceType\": \"Bundle\",\n  \"type\": \"odd\"\n}",
	})
	code, out, errs := checked("", "good.json", "warned.json", "bad.ndjson", "late.json")
	require.Equal(t, exitErrors, code)
	require.Equal(t, `warned.json:1:106: warning fhir-json-null null stands where FHIR does not allow it; leave the property out (Bundle.entry[0].resource)
bad.ndjson:2:1: error json-syntax Invalid JSON: a literal is none of true, false and null, at line 2, byte offset 36
late.json:2:56: warning bdl-5 An entry must have a resource, a request or a response (Bundle.entry[1])
late.json:2:56: error entry-resource Entry 1 missing 'resource' field (Bundle.entry[1])
late.json:2:56: warning fhir-json-empty-object An object is empty; leave the property out (Bundle.entry[1])
late.json:4:11: error bundle-type Unsupported bundle type: a name that FHIR does not define (Bundle.type)
`, out)
	require.Equal(t, "4 files checked, 5 resources, 473 B, 3 errors, 3 warnings\n", errs)

	_, _, errs = checked("", "-q", "warned.json")
	require.Empty(t, errs)
}

// Findings beyond the limit are counted, and errors are among those listed.
func TestMaxIssues(t *testing.T) {
	folder(t, map[string]string{"many.ndjson": strings.Repeat(`{"resourceType":"Patient","x":null}`+"\n", 5) + "oops\n"})
	code, out, errs := checked("", "-max-issues", "2", "many.ndjson")
	require.Equal(t, exitErrors, code)
	require.Equal(t, 3, strings.Count(out, "\n"))
	require.Contains(t, out, "many.ndjson:6:1: error json-syntax")
	require.Contains(t, out, "\nmany.ndjson: 4 more findings are not listed; see -max-issues\n")
	require.Contains(t, errs, "1 error, 1 warning, 4 not listed\n")
}

func TestOutcome(t *testing.T) {
	const hl7 = "http://hl7.org/fhir/StructureDefinition/"
	folder(t, map[string]string{"good.json": good, "warned.json": warned, "bad.ndjson": strings.Repeat("é oops\n", 3)})
	code, out, _ := checked("", "-o", "outcome", "-max-issues", "2", "good.json", "warned.json", "bad.ndjson", "missing.json")
	require.Equal(t, exitFailed, code)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	require.Len(t, lines, 4)
	var all [4]outcome.Outcome
	for i, name := range []string{"good.json", "warned.json", "bad.ndjson", "missing.json"} {
		require.NoError(t, fhirbundle.CheckJSON([]byte(lines[i]), nil))
		require.NoError(t, json.Unmarshal([]byte(lines[i]), &all[i]))
		require.Equal(t, "OperationOutcome", all[i].ResourceType)
		require.Equal(t, []outcome.Extension{{URL: hl7 + "operationoutcome-file", ValueString: name}}, all[i].Extension)
	}
	require.Len(t, all[0].Issue, 1)
	require.Equal(t, "information", all[0].Issue[0].Severity)
	require.Empty(t, all[0].Issue[0].Extension)

	require.Len(t, all[1].Issue, 1)
	require.Equal(t, "warning", all[1].Issue[0].Severity)
	require.Equal(t, []string{"Bundle.entry[0].resource"}, all[1].Issue[0].Expression)
	require.Equal(t, []outcome.Extension{{URL: hl7 + "operationoutcome-issue-line", ValueInteger: 1}, {URL: hl7 + "operationoutcome-issue-col", ValueInteger: 106}}, all[1].Issue[0].Extension)

	require.Len(t, all[2].Issue, 3)
	require.Equal(t, []string{"error", "error", "information"}, []string{all[2].Issue[0].Severity, all[2].Issue[1].Severity, all[2].Issue[2].Severity})
	require.Equal(t, "1 more finding is not listed; see -max-issues", all[2].Issue[2].Details.Text)

	require.Len(t, all[3].Issue, 1)
	require.Equal(t, "fatal", all[3].Issue[0].Severity)
	require.Equal(t, "exception", all[3].Issue[0].Code)

	// Each is a valid resource to the library.
	rep, err := fhirbundle.ValidateBytes([]byte(out), &fhirbundle.Options{Format: fhirbundle.FormatNDJSON, Level: fhirbundle.LevelStrict})
	require.NoError(t, err)
	require.Empty(t, rep.Issues)
	require.Equal(t, map[string]int64{"OperationOutcome": 4}, rep.ResourceCounts)
}

func TestSARIF(t *testing.T) {
	folder(t, map[string]string{"good.json": good, "warned.json": warned, "bad.ndjson.gz": zipped(t, oneBad+"oops\n")})
	code, out, _ := checked("", "-o", "sarif", "-max-issues", "1", "good.json", "warned.json", "bad.ndjson.gz", "missing.json")
	require.Equal(t, exitFailed, code)
	require.NoError(t, fhirbundle.CheckJSON([]byte(out), nil))
	for _, r := range fhirbundle.Rules() {
		require.Contains(t, out, `{"id":"`+r.Code+`",`)
		require.Contains(t, out, `,"helpUri":"`+r.Spec+`",`)
	}
	lines := strings.Split(out, "\n")
	require.Len(t, lines, 5)
	require.Contains(t, lines[1], `"level":"warning","message":{"text":"null stands where FHIR does not allow it; leave the property out"}`)
	require.Contains(t, lines[1], `{"uri":"warned.json"},"region":{"startLine":1,"startColumn":106,"endColumn":106,"byteOffset":105}}`)
	require.Contains(t, lines[1], `[{"fullyQualifiedName":"Bundle.entry[0].resource"}]`)
	// There is no offset: it would not be one in the file.
	require.Contains(t, lines[2], `{"uri":"bad.ndjson.gz"},"region":{"startLine":2,"startColumn":1,"endColumn":1}}`)
	require.Contains(t, lines[3], `{"executionSuccessful":false,`)
	require.Contains(t, lines[3], `{"level":"note","message":{"text":"1 more finding is not listed; see -max-issues"}`)
	require.Contains(t, lines[3], `{"level":"error","message":{"text":"no such file or folder in `)
}

func TestSARIFWithoutFindings(t *testing.T) {
	code, out, _ := checked(good, "-o", "sarif", "-")
	require.Zero(t, code)
	require.Contains(t, out, `"results":[`+"\n"+`],"invocations":[{"executionSuccessful":true}]`)
}

func TestSARIFLevels(t *testing.T) {
	require.Equal(t, sarif.LevelNote, sarifLevel(fhirbundle.SeverityInformation))
	_, out, _ := checked(warned, "-o", "sarif", "-strict", "-")
	require.Contains(t, out, `"level":"error","message":{"text":"null stands`)
	_, out, _ = checked(oneBad+"oops\n", "-o", "sarif", "-max-issues", "1", "-")
	require.Contains(t, out, `"executionSuccessful":true`, "unlisted findings are no failure")
}
