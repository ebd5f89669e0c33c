package httpapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// Transport is a resource of R5 only.
const transport = `{"resourceType":"Transport","id":"t1"}`

// A Bundle is validated by the version in the content type's parameter fhirVersion, or else
// by the service's version.
func TestBundleOfAVersion(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Service: ingest.Options{Level: fhirbundle.LevelStrict}})
	bundle := `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:00000000-0000-4000-8000-000000000001","resource":` + transport + `}]}`
	for contentType, status := range map[string]int{
		fhirJSON:                                     400,
		fhirJSON + "; fhirVersion=4.0":               400,
		fhirJSON + "; fhirVersion=4.3":               400,
		fhirJSON + "; fhirVersion=5.0":               202,
		fhirJSON + `;FHIRVERSION="5.0"`:              202,
		fhirJSON + "; fhirVersion=3.0":               415,
		"application/json; fhirVersion=5.0":          202,
		fhirJSON + "; fhirVersion=5.0; charset=x":    415,
		fhirJSON + "; charset=utf-8;fhirVersion=5.0": 202,
	} {
		answer := p.Client.Do(t, "POST", bundlePath, contentType, strings.NewReader(bundle))
		require.Equal(t, status, answer.Status, "%s: %s", contentType, answer.Body)
		if status != 202 {
			continue
		}
		var accepted struct{ JobID string }
		answer.JSON(t, &accepted)
		job := p.Wait(t, accepted.JobID)
		require.Equal(t, jobs.Completed, job.State, "the worker uses the same rules")
		require.Equal(t, int64(1), job.Progress.Done)
	}
	refused := p.Client.Do(t, "POST", bundlePath, fhirJSON+"; fhirVersion=3.0", strings.NewReader(bundle))
	require.Contains(t, string(refused.Body), "Unsupported fhirVersion; allowed are 4.0, 4.3 and 5.0")
}

// The same holds for uploads, with the content type in the ticket.
func TestUploadOfAVersion(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Service: ingest.Options{Level: fhirbundle.LevelStrict}})
	for contentType, done := range map[string]int64{
		"application/fhir+ndjson":                    1,
		"application/fhir+ndjson; fhirVersion=5.0":   2,
		`application/x-ndjson;fhirversion="5.0"`:     2,
		"application/fhir+ndjson; fhirVersion=4.0.1": 1,
	} {
		id := p.Client.Upload(t, contentType, []byte(`{"resourceType":"Patient","id":"p1"}`+"\n"+transport+"\n"))
		job := p.Wait(t, id)
		require.Equal(t, jobs.Completed, job.State, contentType)
		require.Equal(t, done, job.Progress.Done, contentType)
		require.Equal(t, 2-done, job.Progress.Rejected, contentType)
	}
	for _, contentType := range []string{"application/fhir+ndjson; fhirVersion=3.0", "application/fhir+ndjson; x=y"} {
		answer := p.Client.Do(t, "POST", uploadPath, "application/json", strings.NewReader(`{"contentType":"`+contentType+`"}`))
		require.Equal(t, 400, answer.Status, contentType)
	}
}

// A program can change the severity of a rule by its code.
func TestSeverities(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Service: ingest.Options{
		Level:      fhirbundle.LevelStrict,
		Severities: map[string]fhirbundle.Severity{"bdl-3": fhirbundle.SeverityWarning, "bundle-no-entries": fhirbundle.SeverityInformation, "fhir-json-empty-array": fhirbundle.SeverityNone},
	}})
	for bundle, issues := range map[string]string{
		`{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient"}}]}`: `"code":"bdl-3","severity":"warning"`,
		`{"resourceType":"Bundle","type":"batch","entry":[]}`:                                        `"issues":[{"code":"bundle-no-entries","severity":"information"`,
	} {
		answer := p.Client.Do(t, "POST", bundlePath, fhirJSON, strings.NewReader(bundle))
		require.Equal(t, 202, answer.Status, "%s", answer.Body)
		require.Contains(t, string(answer.Body), issues)
		require.NotContains(t, string(answer.Body), "empty-array")
	}
}
