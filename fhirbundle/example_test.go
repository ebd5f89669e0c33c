package fhirbundle_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

const bundle = `{
  "resourceType": "Bundle",
  "type": "transaction",
  "entry": [
    {"resource": {"resourceType": "Patient", "id": "p1"}, "request": {"method": "PUT", "url": "Patient/p1"}},
    {"resource": {"resourceType": "Observation", "status": "final"}}
  ]
}`

func ExampleValidate() {
	report, err := fhirbundle.Validate(strings.NewReader(bundle), nil)
	if err != nil {
		fmt.Println("it could not be read:", err)
		return
	}
	fmt.Println("taken:", report.Err() == nil, report.BundleType, report.ResourceCounts)
	for _, issue := range report.Issues {
		fmt.Println(issue.Severity, issue.Code, "at", issue.Path, "line", issue.Line)
	}
	// Output:
	// taken: true transaction map[Observation:1 Patient:1]
	// warning bdl-3 at Bundle.entry[1].request line 6
}

func ExampleValidateBytes_strict() {
	report, err := fhirbundle.ValidateBytes([]byte(bundle), &fhirbundle.Options{Level: fhirbundle.LevelStrict})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = report.Err()
	fmt.Println(errors.Is(err, fhirbundle.ErrInvalid), err)
	// Output:
	// true entry.request must be present in a batch, a transaction and a history, and in no other Bundle
}

func ExampleReader_All() {
	r, err := fhirbundle.NewReader(strings.NewReader(bundle), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for entry, err := range r.All() {
		if err != nil {
			fmt.Println("not to be taken:", err)
			return
		}
		fmt.Printf("%d %s %s %s %d bytes at %d\n", entry.Index, entry.Method, entry.Type, entry.ID, len(entry.Resource), entry.ResourceOffset)
	}
	// Output:
	// 0 PUT Patient p1 39 bytes at 85
	// 1  Observation  50 bytes at 195
}

// A broken line does not stop the others.
func ExampleReader_Next_ndjson() {
	const file = `{"resourceType":"Patient","id":"p1"}
{"resourceType":"Patient",,}

{"resourceType":"Observation","id":"o1"}`
	r, err := fhirbundle.NewReader(strings.NewReader(file), &fhirbundle.Options{Format: fhirbundle.FormatNDJSON})
	if err != nil {
		fmt.Println(err)
		return
	}
	for {
		line, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		if line.Rejected() {
			fmt.Println("line", line.Line(), "rejected:", line.Issues[0].Message)
			continue
		}
		fmt.Println("line", line.Line(), line.Type, string(line.ID))
	}
	report := r.Report()
	fmt.Println(report.Resources, "resources,", report.Rejected, "rejected,", report.BlankLines, "blank")
	// Output:
	// line 1 Patient p1
	// line 2 rejected: Invalid JSON: a property name in double quotes was expected, at line 2, byte offset 63
	// line 4 Observation o1
	// 2 resources, 1 rejected, 1 blank
}

// A Bundle becomes an NDJSON file: one resource per line, numbers unchanged.
func ExampleAppendLine() {
	r, err := fhirbundle.NewReader(strings.NewReader(bundle), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var line []byte
	for entry, err := range r.All() {
		if err != nil {
			fmt.Println("not to be taken:", err) // nor are the lines before
			return
		}
		if entry.Resource == nil {
			continue // a GET or a DELETE
		}
		line = append(fhirbundle.AppendLine(line[:0], entry.Resource), '\n')
		os.Stdout.Write(line)
	}
	// Output:
	// {"resourceType": "Patient", "id": "p1"}
	// {"resourceType": "Observation", "status": "final"}
}

// An invalid option is an error that names the allowed values.
func ExampleOptions_Check() {
	o := fhirbundle.Options{Level: "Strict"}
	err := o.Check()
	fmt.Println(errors.Is(err, fhirbundle.ErrOptions))
	fmt.Println(err)
	// Output:
	// true
	// fhirbundle: invalid options: Level is "Strict"; allowed is lenient, strict or basic
}

// A program can choose which findings are errors.
func ExampleOptions_severities() {
	report, err := fhirbundle.ValidateBytes([]byte(bundle), &fhirbundle.Options{
		Level:      fhirbundle.LevelStrict,
		Version:    fhirbundle.R5,
		Severities: map[string]fhirbundle.Severity{"bdl-3c": fhirbundle.SeverityInformation},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("taken:", report.Err() == nil)
	for _, issue := range report.Issues {
		fmt.Println(issue.Severity, issue.Code, "at", issue.Path, "line", issue.Line)
	}
	// Output:
	// taken: true
	// information bdl-3c at Bundle.entry[1] line 6
}

func ExampleVersionOf() {
	fmt.Println(fhirbundle.VersionOf("application/fhir+json; fhirVersion=5.0"))
	fmt.Println(fhirbundle.VersionOf("application/fhir+json"))
	// Output:
	// R5 true
	//  false
}

// A position is plain data. Reading resumes after the last entry.
func ExampleResumeReader() {
	r, err := fhirbundle.NewReader(strings.NewReader(bundle), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := r.Next(); err != nil {
		fmt.Println(err)
		return
	}
	stored, _ := json.Marshal(r.Position())
	fmt.Println(string(stored))

	var at fhirbundle.Position
	if err := json.Unmarshal(stored, &at); err != nil {
		fmt.Println(err)
		return
	}
	src := strings.NewReader(bundle)
	if _, err := src.Seek(at.Offset, io.SeekStart); err != nil {
		fmt.Println(err)
		return
	}
	rest, err := fhirbundle.ResumeReader(src, at, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for entry, err := range rest.All() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(entry.Index, entry.Type, "on line", entry.Line())
	}
	// Output:
	// {"offset":176,"entries":1,"lines":4}
	// 1 Observation on line 6
}

func ExampleNewOutcome() {
	report, err := fhirbundle.ValidateBytes([]byte(`{"resourceType": "Bundle", "type": "searchset", "entry": [{}]}`), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	outcome := fhirbundle.NewOutcome(report.Issues[1:2])
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	if err := enc.Encode(outcome); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {
	//   "resourceType": "OperationOutcome",
	//   "issue": [
	//     {
	//       "severity": "error",
	//       "code": "required",
	//       "details": {
	//         "coding": [
	//           {
	//             "system": "https://github.com/fhirdock/fhirdock/fhirbundle/rules",
	//             "code": "entry-resource"
	//           }
	//         ],
	//         "text": "Entry 0 missing 'resource' field"
	//       },
	//       "diagnostics": "entry 0, line 1, byte offset 58",
	//       "expression": [
	//         "Bundle.entry[0]"
	//       ]
	//     }
	//   ]
	// }
}

func ExampleCheckJSON() {
	fmt.Println(fhirbundle.CheckJSON([]byte(`[1, 2.50, "three"]`), nil))
	fmt.Println(fhirbundle.CheckJSON([]byte(`{"a": 1, "\u0061": 2}`), nil))
	// Output:
	// <nil>
	// Invalid JSON: a property name occurs twice in one object, at line 1, byte offset 9
}

func ExampleRules() {
	for _, rule := range fhirbundle.Rules() {
		if strings.HasPrefix(rule.Code, "fu-") {
			fmt.Printf("%s (%s, strict: %s): %s\n", rule.Code, rule.Severity(fhirbundle.LevelLenient), rule.Severity(fhirbundle.LevelStrict), rule.Message)
		}
	}
	// Output:
	// fu-abs (warning, strict: error): fullUrl is not an absolute URI
	// fu-id (warning, strict: error): fullUrl names another id than the resource has
	// fu-type (warning, strict: error): fullUrl names another type than the resource has
	// fu-missing (warning, strict: error): fullUrl must be present in a document, a message, a collection and, save for the method POST, a history
	// fu-missing-searchset (warning, strict: warning): fullUrl must be present in a searchset, save for resources without an identity that an operation returns
}

func ExampleReader_ResetBytes() {
	r, err := fhirbundle.NewBytesReader(nil, &fhirbundle.Options{Level: fhirbundle.LevelStrict})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, payload := range []string{bundle, `{"resourceType": "Patient"}`} {
		r.ResetBytes([]byte(payload))
		entries := 0
		for _, err := range r.All() {
			if err != nil {
				fmt.Println("not to be taken:", err)
				break
			}
			entries++
		}
		fmt.Println("entries:", entries)
	}
	// Output:
	// not to be taken: entry.request must be present in a batch, a transaction and a history, and in no other Bundle
	// entries: 2
	// not to be taken: Expected resourceType 'Bundle', got 'Patient'
	// entries: 0
}

// A transaction creates an Observation and the Patient that it is about. Once both have
// ids, the reference between them is to the new one.
func ExampleAppendResolved() {
	entries := []struct{ fullURL, resource, created string }{
		{
			"urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059",
			`{"resourceType":"Patient","name":[{"family":"Doe"}]}`,
			"Patient/123",
		},
		{
			"urn:uuid:c72aa430-2ddc-456e-7a09-dea8264671d8",
			`{"resourceType":"Observation", "subject":{"reference":"urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059"}, "valueQuantity":{"value":1.50}}`,
			"Observation/456",
		},
	}
	var links fhirbundle.Links
	for _, e := range entries {
		links.Add(e.fullURL, fhirbundle.Target{Reference: e.created})
	}
	var out []byte
	for _, e := range entries {
		out = fhirbundle.AppendResolved(out[:0], []byte(e.resource), func(ref []byte) (string, bool) {
			return links.Resolve(e.fullURL, ref)
		})
		fmt.Printf("%s\n", out)
	}
	// Output:
	// {"resourceType":"Patient","name":[{"family":"Doe"}]}
	// {"resourceType":"Observation", "subject":{"reference":"Patient/123"}, "valueQuantity":{"value":1.50}}
}

// A relative reference is to an entry of the server that the fullUrl names.
func ExampleLinks() {
	var links fhirbundle.Links
	links.Add("https://a.example/fhir/Patient/7", fhirbundle.Target{Reference: "Patient/123", VersionID: "1"})

	for _, ref := range []string{"Patient/7", "Patient/7/_history/3", "Patient/8", "https://b.example/fhir/Patient/7"} {
		to, _ := links.Resolve("https://a.example/fhir/Observation/9", []byte(ref))
		fmt.Printf("%s: %q\n", ref, to)
	}
	// Output:
	// Patient/7: "Patient/123"
	// Patient/7/_history/3: "Patient/123/_history/1"
	// Patient/8: ""
	// https://b.example/fhir/Patient/7: ""
}
