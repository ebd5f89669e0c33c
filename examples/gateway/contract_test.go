//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// contract calls a gateway like clients of fhirdock's predecessor.
type contract struct{ base string }

// call sends a request and returns the members of the response.
func (c contract) call(t *testing.T, method, path, contentType, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.base+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer dev")
	r.Header.Set("X-Request-Id", "request-1")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	require.Equal(t, "request-1", resp.Header.Get("X-Request-Id"))
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var answer map[string]any
	require.NoError(t, json.Unmarshal(raw, &answer), string(raw))
	return resp.StatusCode, answer
}

const sixDigits = `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`

// Clients of fhirdock's predecessor find the same routes, statuses, fields, types,
// defaults and messages.
func TestOriginalContract(t *testing.T) {
	t.Parallel()
	_, client := gateway(t, t.TempDir())
	c := contract{client.Base}

	for _, contentType := range []string{"application/fhir+json", "application/json", "application/json+fhir", "application/fhir+json; charset=utf8", ""} {
		status, receipt := c.call(t, "POST", "/v1/ingestion/fhir/Bundle", contentType, strings.Replace(tiny, "%s", "a", 1))
		require.Equal(t, 202, status, contentType)
		require.Equal(t, "accepted", receipt["status"])
		require.Equal(t, "Bundle accepted for processing", receipt["message"])
		require.Equal(t, map[string]any{"Patient": 1.0}, receipt["resourceCount"])
		require.Regexp(t, sixDigits, receipt["createdAt"])
		require.Regexp(t, `^[\w-]+$`, receipt["jobId"])

		status, job := c.call(t, "GET", "/v1/ingestion/jobs/"+receipt["jobId"].(string), "", "")
		require.Equal(t, 200, status)
		require.Equal(t, receipt["jobId"], job["jobId"])
		require.Equal(t, "demo", job["organizationId"])
		require.IsType(t, "", job["status"])
		require.IsType(t, "", job["message"])
		require.Equal(t, receipt["createdAt"], job["createdAt"])
	}

	for body, message := range map[string]string{
		"":                           "Request body is empty",
		`{"resourceType":`:           "Invalid JSON: ",
		`{"resourceType":"Patient"}`: "Expected resourceType 'Bundle', got 'Patient'",
		`{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Patient"}}]}`:     "Unsupported bundle type: searchset",
		`{"resourceType":"Bundle","type":"batch"}`:                                                           "Bundle contains no entries",
		`{"resourceType":"Bundle","type":"batch","entry":[]}`:                                                "Bundle contains no entries",
		`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient"}},{}]}`: "Entry 1 missing 'resource' field",
	} {
		status, refusal := c.call(t, "POST", "/v1/ingestion/fhir/Bundle", "application/fhir+json", body)
		require.Equal(t, 400, status)
		require.True(t, strings.HasPrefix(refusal["error"].(string), message), refusal["error"])
		require.Equal(t, "request-1", refusal["requestId"])
	}

	for asked, want := range map[string][2]string{
		"":                   {"application/fhir+json", ".json"},
		`{}`:                 {"application/fhir+json", ".json"},
		`{"contentType":""}`: {"application/fhir+json", ".json"},
		`{"contentType":"application/fhir+json"}`:   {"application/fhir+json", ".json"},
		`{"contentType":"application/json"}`:        {"application/json", ".json"},
		`{"contentType":"application/fhir+ndjson"}`: {"application/fhir+ndjson", ".ndjson"},
		`{"contentType":"application/x-ndjson"}`:    {"application/x-ndjson", ".ndjson"},
		`{"contentType":"application/ndjson"}`:      {"application/ndjson", ".ndjson"},
	} {
		status, ticket := c.call(t, "POST", "/v1/ingestion/upload-url", "application/json", asked)
		require.Equal(t, 200, status)
		require.Regexp(t, `^http://.+/v1/objects/`, ticket["uploadUrl"])
		require.Equal(t, "PUT", ticket["method"])
		require.Equal(t, map[string]any{"Content-Type": want[0]}, ticket["headers"])
		require.Equal(t, 3600.0, ticket["expiresIn"])
		require.Regexp(t, sixDigits, ticket["expiresAt"])
		require.Regexp(t, `^incoming/fhir/demo/\d{4}/\d\d/\d\d/`+ticket["uploadId"].(string)+`\`+want[1]+`$`, ticket["key"])
		require.Equal(t, map[string]any{
			"1": "Use HTTP PUT to upload your file to the uploadUrl",
			"2": "Set Content-Type header to '" + want[0] + "'",
			"3": "URL expires in 1 hour",
			"4": "After upload, file will be automatically processed",
			"5": "Follow the job at /v1/ingestion/jobs/" + ticket["uploadId"].(string),
		}, ticket["instructions"])
	}
	status, refusal := c.call(t, "POST", "/v1/ingestion/upload-url", "application/json", `{"contentType":"text/csv"}`)
	require.Equal(t, 400, status)
	require.Equal(t, "Invalid contentType. Allowed types: application/fhir+json, application/json, application/fhir+ndjson, "+
		"application/x-ndjson, application/ndjson", refusal["error"])
}

// Webhook, URL, upload and status with curl, and no headers beyond those that clients have
// always sent.
func TestOriginalCalls(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("SKIPPED: there is no curl")
	}
	_, client := gateway(t, t.TempDir())
	folder := t.TempDir()
	curl := func(args ...string) map[string]any {
		t.Helper()
		command := exec.CommandContext(t.Context(), "curl", append([]string{"-sS", "--fail-with-body"}, args...)...)
		command.Dir = folder
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
		if len(out) == 0 {
			return nil
		}
		var answer map[string]any
		require.NoError(t, json.Unmarshal(out, &answer), string(out))
		return answer
	}
	completed := func(id any) {
		t.Helper()
		require.Equal(t, "completed", follow(t, client, id.(string)).Status)
		job := curl("-X", "GET", fmt.Sprint(client.Base, "/v1/ingestion/jobs/", id), "-H", "Authorization: Bearer dev")
		require.Equal(t, "completed", job["status"])
		finished, err := time.Parse(time.RFC3339, job["finishedAt"].(string))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), finished, time.Minute)
	}

	require.NoError(t, os.WriteFile(filepath.Join(folder, "bundle.json"), []byte("{\n  "+strings.Replace(tiny, "%s", "a", 1)[1:]), 0o600))
	receipt := curl("-X", "POST", client.Base+"/v1/ingestion/fhir/Bundle", "-H", "Authorization: Bearer dev",
		"-H", "Content-Type: application/fhir+json", "-d", "@bundle.json")
	completed(receipt["jobId"])

	require.NoError(t, os.WriteFile(filepath.Join(folder, "data.ndjson"), []byte(`{"resourceType":"Patient","id":"a"}`+"\n"+`{"resourceType":"Patient","id":"b"}`), 0o600))
	ticket := curl("-X", "POST", client.Base+"/v1/ingestion/upload-url", "-H", "Authorization: Bearer dev",
		"-H", "Content-Type: application/json", "-d", `{"contentType": "application/fhir+ndjson"}`)
	curl("-X", "PUT", ticket["uploadUrl"].(string), "-H", "Content-Type: application/fhir+ndjson", "--data-binary", "@data.ndjson")
	completed(ticket["uploadId"])
}
