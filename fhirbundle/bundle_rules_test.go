package fhirbundle

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bundleWith makes a Bundle of a type, with more members and entries. If last is true,
// the type comes after the entries.
func bundleWith(typ, members string, last bool, entries ...string) string {
	list := shortUUID.ReplaceAllString(`"entry":[`+strings.Join(entries, ",")+`]`, "${1}0000000$2-0000-4000-8000-000000000000$3")
	if members != "" {
		list = members + "," + list
	}
	if last {
		return `{"resourceType":"Bundle",` + list + `,"type":"` + typ + `"}`
	}
	return `{"resourceType":"Bundle","type":"` + typ + `",` + list + `}`
}

// shortUUID is how the tests write UUIDs: by one digit.
var shortUUID = regexp.MustCompile(`(urn:u(?:u|\\u0075)id:)([0-9])(")`)

// Pieces of entries.
const (
	obs     = `"resource":{"resourceType":"Observation","id":"o1"}`
	fullObs = `"fullUrl":"http://a.b/Observation/o1",` + obs
	ok200   = `"response":{"status":"200"}`
	get     = `"request":{"method":"GET","url":"Patient/1"}`
	putObs  = `"request":{"method":"PUT","url":"Observation/o1"}`
	docHead = `"identifier":{"system":"urn:x","value":"1"},"timestamp":"2026-01-01T00:00:00Z"`
	comp    = `{"fullUrl":"http://a.b/Composition/c","resource":{"resourceType":"Composition","id":"c"}}`
	self    = `"link":[{"relation":"next","url":"x"},{"relation":"self","url":"x"}]`
)

func outcome(severity string) string {
	return `"issues":{"resourceType":"OperationOutcome","issue":[{"severity":"warning"},{"severity":"` + severity + `"}]}`
}

func req(m, url, more string) string {
	return `"request":{"method":"` + m + `","url":"` + url + `"` + more + `}`
}

func patientWith(more string) string {
	return `"resource":{"resourceType":"Patient","id":"p"` + more + `}`
}

var bundleRuleCases = []struct {
	name     string
	versions string // those that it is checked at
	typ      string
	members  string
	entries  []string
	want     string
}{
	// bdl-1, bdl-2
	{"total in a batch", "R4 R4B R5", "batch", `"total":3`, []string{`{` + get + `}`}, "bdl-1"},
	{"total in a searchset", "R4 R4B R5", "searchset", `"total":3,` + self, []string{`{` + fullObs + `}`}, ""},
	{"total in a history", "R4 R4B R5", "history", `"total":3`, []string{`{` + fullObs + `,` + putObs + `,` + ok200 + `}`}, ""},
	{"search in a collection", "R4 R4B R5", "collection", "", []string{`{` + fullObs + `,"search":{"mode":"match"}}`}, "bdl-2"},
	{"search in a searchset", "R4 R4B R5", "searchset", self, []string{`{` + fullObs + `,"search":{"mode":"match"}}`}, ""},
	// bdl-3 and its heirs
	{"no request in a transaction", "R4 R4B", "transaction", "", []string{`{` + fullObs + `}`}, "bdl-3"},
	{"no request in a transaction", "R5", "transaction", "", []string{`{` + fullObs + `}`}, "bdl-3c"},
	{"request in a message", "R4 R4B", "message", "", []string{`{"fullUrl":"urn:uuid:1","resource":{"resourceType":"MessageHeader"},` + req("POST", "MessageHeader", "") + `}`}, "bdl-3"},
	{"request in a message", "R5", "message", "", []string{`{"fullUrl":"urn:uuid:1","resource":{"resourceType":"MessageHeader"},` + req("POST", "MessageHeader", "") + `}`}, "bdl-3a"},
	{"response in a collection", "R4 R4B", "collection", "", []string{`{` + fullObs + `,` + ok200 + `}`}, "bdl-4"},
	{"response in a collection", "R5", "collection", "", []string{`{` + fullObs + `,` + ok200 + `}`}, "bdl-3a"},
	{"history", "R4 R4B R5", "history", "", []string{`{` + fullObs + `,` + putObs + `,` + ok200 + `}`, `{"fullUrl":"http://a.b/Observation/o1","request":{"method":"DELETE","url":"Observation/o1"},` + ok200 + `}`}, ""},
	{"history without a response", "R4 R4B", "history", "", []string{`{` + fullObs + `,` + putObs + `}`}, "bdl-4"},
	{"history without a response", "R5", "history", "", []string{`{` + fullObs + `,` + putObs + `}`}, "bdl-3b"},
	{"history without a request", "R4 R4B", "history", "", []string{`{` + fullObs + `,` + ok200 + `}`}, "bdl-3"},
	{"history without a request", "R5", "history", "", []string{`{` + fullObs + `,` + ok200 + `}`}, "bdl-3b"},
	{"history, deleted with a resource", "R5", "history", "", []string{`{` + fullObs + `,` + req("DELETE", "Observation/o1", "") + `,` + ok200 + `}`}, "bdl-3b"},
	{"history, put without a resource", "R5", "history", "", []string{`{"fullUrl":"http://a.b/Observation/o1",` + putObs + `,` + ok200 + `}`}, "bdl-3b"},
	{"history, patched", "R5", "history", "", []string{`{` + fullObs + `,` + req("PATCH", "Observation/o1", "") + `,` + ok200 + `}`, `{` + fullObs + `,` + putObs + `,` + ok200 + `}`}, "bdl-14"},
	{"history, patched", "R4 R4B", "history", "", []string{`{` + fullObs + `,` + req("PATCH", "Observation/o1", "") + `,` + ok200 + `}`}, ""},
	{"transaction without a method", "R5", "transaction", "", []string{`{` + fullObs + `,"request":{"url":"Observation"}}`}, "tx-method bdl-3c"},
	{"nothing but a URL", "R5", "transaction", "", []string{`{"request":{"url":"Observation","method":null}}`}, "tx-method entry-resource bdl-3c fhir-json-null"},
	{"space around colons", "R4 R4B R5", "transaction", "", []string{`{"fullUrl" :"http://a.b/Observation/o2","resource"  :{"resourceType" :"Observation" , "id"  : "o1"},"request" : {"method"  :"PUT", "url" :	"Observation/o3"}}`}, "fu-id tx-url-id"},
	{"GET with a resource", "R5", "batch", "", []string{`{` + obs + `,` + get + `}`}, "bdl-3c"},
	{"GET with a resource", "R4 R4B", "batch", "", []string{`{` + obs + `,` + get + `}`}, "tx-body"},
	{"DELETE with a resource", "R4 R4B", "transaction", "", []string{`{` + obs + `,` + req("DELETE", "Observation/o1", "") + `}`}, "tx-body"},
	{"PUT without a resource", "R4 R4B", "transaction", "", []string{`{` + putObs + `}`}, "entry-resource"},
	{"PATCH without a resource", "R5", "transaction", "", []string{`{` + req("PATCH", "Observation/o1", "") + `}`}, "entry-resource bdl-3c"},
	{"response", "R4 R4B R5", "transaction-response", "", []string{`{` + ok200 + `}`}, ""},
	{"response without one", "R4 R4B", "batch-response", "", []string{`{` + fullObs + `}`}, "bdl-4"},
	{"response without one", "R5", "batch-response", "", []string{`{` + fullObs + `}`}, "bdl-3d"},
	{"response with a request", "R4 R4B", "batch-response", "", []string{`{` + ok200 + `,` + get + `}`}, "bdl-3"},
	{"response with a request", "R5", "batch-response", "", []string{`{` + ok200 + `,` + get + `}`}, ""},
	{"nothing", "R4 R4B", "transaction-response", "", []string{`{"search":{"mode":"match"}}`}, "bdl-5 entry-resource bdl-2 bdl-4"},
	// bdl-7
	{"fullUrl twice", "R4 R4B R5", "collection", "", []string{`{` + fullObs + `}`, `{` + fullObs + `}`, `{` + fullObs + `}`}, "bdl-7 bdl-7"},
	{"fullUrl twice, in a history", "R4 R4B R5", "history", "", slices.Repeat([]string{`{` + fullObs + `,` + putObs + `,` + ok200 + `}`}, 2), ""},
	{"fullUrl twice, other versions", "R4 R4B R5", "collection", "", []string{
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(`,"meta":{"versionId":"1"}`) + `}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(`,"meta":{"tag":[{"code":"x"}],"versionId":"2"}`) + `}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(``) + `}`,
	}, ""},
	{"fullUrl twice, the same version", "R4 R4B R5", "collection", "", []string{
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(`,"meta":{"versionId":"1"}`) + `}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(`,"meta":{"source":"x","versionId":"1"}`) + `}`,
	}, "bdl-7"},
	{"fullUrl and version that only joined are the same", "R4 R4B R5", "collection", "", []string{
		`{"fullUrl":"http://a.b/Patient/1","resource":{"resourceType":"Patient","id":"1","meta":{"versionId":"34"}}}`,
		`{"fullUrl":"http://a.b/Patient/13","resource":{"resourceType":"Patient","id":"13","meta":{"versionId":"4"}}}`,
	}, ""},
	// bdl-8
	{"version in fullUrl", "R4 R4B R5", "collection", "", []string{`{"fullUrl":"http://a.b/Observation/o1/_history/3",` + obs + `}`}, "bdl-8"},
	// bdl-9, 10, 11
	{"document", "R4 R4B R5", "document", docHead, []string{comp, `{` + fullObs + `}`}, ""},
	{"document without a system", "R4 R4B R5", "document", `"identifier":{"value":"1"},"timestamp":"2026-01-01T00:00:00Z"`, []string{comp}, "bdl-9"},
	{"document without a value", "R4 R4B R5", "document", `"identifier":{"system":"1","value":7},"timestamp":"2026-01-01T00:00:00Z"`, []string{comp}, "bdl-9"},
	{"document without an identifier", "R4 R4B R5", "document", `"timestamp":"2026-01-01T00:00:00Z"`, []string{comp}, "bdl-9"},
	{"document without a timestamp", "R4 R4B R5", "document", `"identifier":{"system":"urn:x","value":"1"},"_timestamp":{"id":"a"}`, []string{comp}, "bdl-10"},
	{"document that starts otherwise", "R4 R4B R5", "document", docHead, []string{`{` + fullObs + `}`, comp}, "bdl-11"},
	// bdl-12, 13
	{"message", "R4 R4B R5", "message", "", []string{`{"fullUrl":"urn:uuid:1","resource":{"resourceType":"MessageHeader"}}`}, ""},
	{"message that starts otherwise", "R4 R4B R5", "message", "", []string{`{` + fullObs + `}`, `{"fullUrl":"urn:uuid:1","resource":{"resourceType":"MessageHeader"}}`}, "bdl-12"},
	{"notification", "R5", "subscription-notification", "", []string{`{"fullUrl":"urn:uuid:1","resource":{"resourceType":"SubscriptionStatus"}}`}, ""},
	{"notification that starts otherwise", "R5", "subscription-notification", "", []string{`{` + fullObs + `}`}, "bdl-13"},
	{"notification before R5", "R4 R4B", "subscription-notification", "", []string{`{` + fullObs + `}`}, "bundle-type"},
	// bdl-15, fu-missing
	{"no fullUrl in a collection", "R5", "collection", "", []string{`{` + obs + `}`}, "bdl-15"},
	{"no fullUrl in a collection", "R4 R4B", "collection", "", []string{`{` + obs + `}`}, "fu-missing"},
	{"no fullUrl in a searchset", "R4 R4B", "searchset", self, []string{`{` + obs + `}`}, "~fu-missing-searchset"},
	{"no fullUrl in a searchset", "R5", "searchset", self, []string{`{` + obs + `}`}, "bdl-15"},
	{"no fullUrl in a history", "R4 R4B", "history", "", []string{`{` + obs + `,` + putObs + `,` + ok200 + `}`, `{` + req("DELETE", "Observation/o1", "") + `,` + ok200 + `}`}, "fu-missing"},
	{"no fullUrl in a response", "R4 R4B R5", "transaction-response", "", []string{`{` + obs + `,` + ok200 + `}`}, ""},
	{"no fullUrl for a POST", "R4 R4B", "history", "", []string{`{` + obs + `,` + req("POST", "Observation", "") + `,` + ok200 + `}`}, ""},
	{"no fullUrl in a batch", "R4 R4B R5", "batch", "", []string{`{` + obs + `,` + putObs + `}`}, ""},
	{"no fullUrl for a POST", "R5", "history", "", []string{`{` + obs + `,` + req("POST", "Observation", "") + `,` + ok200 + `}`}, ""},
	{"no fullUrl in a document", "R4 R4B", "document", docHead, []string{comp, `{` + obs + `}`}, "fu-missing"},
	// bdl-16, 17, 18
	{"issues", "R5", "batch-response", outcome("information"), []string{`{` + ok200 + `}`}, ""},
	{"issues that are errors", "R5", "batch-response", outcome("error"), []string{`{` + ok200 + `}`}, "bdl-16"},
	{"issues that are errors", "R4 R4B", "batch-response", outcome("error"), []string{`{` + ok200 + `}`}, ""},
	{"issues in a document", "R5", "document", docHead + "," + outcome("warning"), []string{comp}, "bdl-17"},
	{"searchset without a link", "R5", "searchset", `"link":[{"relation":"self"},{"relation":"next","url":"x"}]`, []string{`{` + fullObs + `}`}, "bdl-18"},
	{"searchset without a link", "R4 R4B", "searchset", "", []string{`{` + fullObs + `}`}, ""},
	// histories, responses
	{"a version twice in a history", "R4 R4B R5", "history", "", []string{
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(`,"meta":{"versionId":"1"}`) + `,` + req("PUT", "Patient/p", "") + `,` + ok200 + `}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(`,"meta":{"versionId":"2"}`) + `,` + req("PUT", "Patient/p", "") + `,` + ok200 + `}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(`,"meta":{"versionId":"1"}`) + `,` + req("PUT", "Patient/p", "") + `,` + ok200 + `}`,
	}, "version-twice"},
	{"history, posted and put without a resource", "R4 R4B", "history", "", []string{
		`{"fullUrl":"http://a.b/Observation/o1",` + putObs + `,` + ok200 + `}`,
		`{` + req("POST", "Observation", "") + `,` + ok200 + `}`,
		`{"fullUrl":"http://a.b/Observation/o1",` + get + `,` + ok200 + `}`,
	}, "history-body history-body"},
	{"notification without resources", "R4B", "history", "", []string{
		`{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"SubscriptionStatus"},` + get + `,` + ok200 + `}`,
		`{"fullUrl":"http://a.b/Observation/o1",` + putObs + `,"response":{"status":"201"}}`,
	}, ""},
	{"notification without resources", "R5", "subscription-notification", "", []string{
		`{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"SubscriptionStatus"}}`,
		`{"fullUrl":"http://a.b/Observation/o1",` + putObs + `,"response":{"status":"201"}}`,
	}, ""},
	{"statuses", "R4 R4B R5", "transaction-response", "", []string{
		`{"response":{"status":"201 Created"}}`,
		`{"response":{"status":"201"}}`,
		`{"response":{"status":"2\u00301"}}`,
		`{"response":{"status":"DELETE"}}`,
		`{"response":{"status":"20"}}`,
		`{"response":{"status":"2000"}}`,
		`{"response":{"status":200}}`,
		`{"response":{"etag":"W/1"}}`,
		`{"response":"200"}`,
	}, "response-status response-status response-status response-status"},
	{"statuses where they have no place", "R4 R4B", "collection", "", []string{`{` + fullObs + `,"response":{"status":"x"}}`}, "bdl-4"},
	{"etags", "R4 R4B R5", "batch-response", "", []string{
		`{` + patientWith(`,"meta":{"versionId":"1"}`) + `,"response":{"status":"200","etag":"W/\"1\""}}`,
		`{` + patientWith(`,"meta":{"versionId":"1"}`) + `,"response":{"status":"200","etag":"1"}}`,
		`{` + patientWith(`,"meta":{"versionId":"1"}`) + `,"response":{"status":"200","etag":"W/1"}}`,
		`{` + patientWith(``) + `,"response":{"status":"200","etag":"W/1"}}`,
		`{` + patientWith(`,"meta":{"versionId":"1"}`) + `,"response":{"etag":"W/\"2\"","status":"200"}}`,
	}, "response-etag"},
	{"locations", "R4 R4B R5", "history", "", []string{
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(``) + `,` + req("POST", "Patient", "") + `,"response":{"status":"201","location":"Patient/p/_history/1"}}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(``) + `,` + req("POST", "Patient", "") + `,"response":{"status":"201","location":"http://a.b/Patient/p"}}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(``) + `,` + req("POST", "Patient", "") + `,"response":{"status":"201","location":"http://a.b/x/q"}}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(``) + `,` + req("PUT", "Patient/p", "") + `,"response":{"status":"200","location":"Patient/q"}}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(``) + `,` + req("POST", "Patient", "") + `,"response":{"status":"201","location":"http://a.b/Patient/q/_history/1"}}`,
	}, "response-location"},
	{"outcomes of responses", "R4 R4B R5", "batch-response", "", []string{
		`{"response":{"status":"200","outcome":{"id":"a","resourceType":"Operation\u004futcome"}}}`,
		`{"response":{"status":"200","outcome":{"resourceType":"Patient"}}}`,
		`{"response":{"status":"200","outcome":{"id":"a"}}}`,
		`{"response":{"status":"200","outcome":"OperationOutcome"}}`,
	}, "response-outcome response-outcome response-outcome"},
	// searchsets
	{"modes", "R4 R4B R5", "searchset", self, []string{
		`{` + fullObs + `,"search":{"score":1,"mode":"match"}}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(``) + `,"search":{"mode":"include"}}`,
		`{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"OperationOutcome","issue":[{"severity":"warning"}]},"search":{"mode":"out\u0063ome"}}`,
		`{"fullUrl":"http://a.b/Patient/q","resource":{"resourceType":"Patient"},"search":{"mode":"Match"}}`,
		`{"fullUrl":"http://a.b/Patient/r","resource":{"resourceType":"Patient"},"search":{"score":1}}`,
		`{"fullUrl":"http://a.b/Patient/s","resource":{"resourceType":"Patient"},"search":{"mode":7}}`,
		`{"fullUrl":"urn:oid:1.3","resource":{"resourceType":"OperationOutcome","issue":[{"severity":"warning"}]},"search":{"mode":"Outcome"}}`,
	}, "search-mode search-mode search-mode"},
	{"outcomes", "R4 R4B R5", "searchset", self, []string{
		`{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"OperationOutcome","issue":[{"severity":"warning"}]}}`,
		`{"fullUrl":"urn:oid:1.3","resource":{"resourceType":"OperationOutcome","issue":[{"severity":"warning"}]},"search":{"mode":"match"}}`,
		`{` + fullObs + `,"search":{"mode":"outcome"}}`,
		`{"fullUrl":"urn:oid:1.4","resource":{"resourceType":"OperationOutcome","issue":[{"severity":"warning"},{"severity":"error"}]},"search":{"mode":"outcome"}}`,
		`{"fullUrl":"urn:oid:1.5","resource":{"resourceType":"OperationOutcome","issue":[{"severity":"fatal"}]},"search":{"mode":"outcome"}}`,
	}, "search-outcome search-outcome search-outcome search-severity search-severity"},
	{"outcomes elsewhere", "R4 R4B R5", "collection", "", []string{`{"fullUrl":"urn:oid:1.4","resource":{"resourceType":"OperationOutcome","issue":[{"severity":"error"}]}}`}, ""},
	{"links twice", "R4 R4B R5", "searchset", `"link":[{"relation":"self","url":"x"},{"relation":"alternate","url":"x"},{"relation":"alternate","url":"y"},{"url":"z","relation":"self"}]`, []string{`{` + fullObs + `}`}, "~link-twice"},
	{"links twice, in two words", "R4 R4B R5", "history", `"link":[{"relation":"prev","url":"x"},{"relation":"previous","url":"y"}]`, []string{`{` + fullObs + `,` + putObs + `,` + ok200 + `}`}, "~link-twice"},
	{"links twice elsewhere", "R4 R4B R5", "collection", `"link":[{"relation":"self","url":"x"},{"relation":"self","url":"y"}]`, []string{`{` + fullObs + `}`}, ""},
	// fullUrl
	{"relative fullUrl", "R4 R4B R5", "collection", "", []string{`{"fullUrl":"Observation/o1",` + obs + `}`, `{"fullUrl":"/Observation/o2",` + obs + `}`, `{"fullUrl":"",` + obs + `}`}, "fu-abs fu-abs fu-abs fhir-json-empty-string"},
	{"fullUrl of another id", "R4 R4B R5", "collection", "", []string{`{"fullUrl":"http://a.b/Observation/o2",` + obs + `}`}, "fu-id"},
	{"fullUrl of another type", "R4 R4B R5", "collection", "", []string{`{"fullUrl":"http://a.b/Patient/o1",` + obs + `}`}, "fu-type"},
	{"fullUrl of no type", "R4 R4B R5", "collection", "", []string{`{"fullUrl":"http://a.b/patients/o2",` + obs + `}`}, ""},
	{"fullUrl of no id", "R4 R4B R5", "collection", "", []string{`{"fullUrl":"http://a.b/Observation/o?2",` + obs + `}`}, ""},
	{"fullUrl of a resource without an id", "R4 R4B R5", "collection", "", []string{`{"fullUrl":"http://a.b/Patient/o2","resource":{"resourceType":"Patient"}}`}, ""},
	// transactions
	{"good ones", "R4 R4B R5", "transaction", "", []string{
		`{` + patientWith("") + `,` + req("PUT", "Patient/p", "") + `}`,
		`{` + patientWith("") + `,` + req("PUT", "http://a.b/fhir/Patient/p?x=y", `,"ifMatch":"W/\"1\""`) + `}`,
		`{"resource":{"resourceType":"Patient"},` + req("PUT", "Patient?identifier=http://a.b/c|1", "") + `}`,
		`{` + patientWith("") + `,` + req("POST", "Patient", `,"ifNoneExist":"identifier=http://a.b/c|1&x=y?"`) + `}`,
		`{` + patientWith("") + `,` + req("POST", "/Patient", "") + `}`,
		`{` + obs + `,` + req("POST", "Patient/$match", "") + `}`,
		`{` + obs + `,` + req("POST", "$process-message", "") + `}`,
		`{` + obs + `,` + req("POST", "Observation/_search", "") + `}`,
		`{` + req("GET", "metadata", "") + `}`,
		`{` + req("GET", "/?_type=Patient", "") + `}`,
		`{` + req("HEAD", "Patient/7/_history/3", "") + `}`,
		`{` + req("DELETE", "Patient/7", "") + `}`,
		`{` + req("DELETE", "Patient?active=false", "") + `}`,
		`{"resource":{"resourceType":"Parameters"},` + req("PATCH", "Patient/8", "") + `}`,
	}, "tx-duplicate-identity"},
	{"bad URLs", "R4 R4B R5", "batch", "", []string{
		`{` + patientWith("") + `,` + req("PUT", "Patient", "") + `}`,
		`{` + patientWith("") + `,` + req("PUT", "patient/p", "") + `}`,
		`{` + patientWith("") + `,` + req("PUT", "Patient/p/_history/1", "") + `}`,
		`{` + patientWith("") + `,` + req("PUT", "Patient/p p", "") + `}`,
		`{` + patientWith("") + `,` + req("PUT", "Patient?a=%4", "") + `}`,
		`{` + patientWith("") + `,` + req("POST", "Patient/p", "") + `}`,
		`{` + patientWith("") + `,` + req("POST", "Patients", "") + `}`,
		`{` + req("DELETE", "Patient/p#x", "") + `}`,
		`{` + req("DELETE", "http://a.b", "") + `}`,
		`{` + req("GET", "Patient/é", "") + `}`,
		`{` + req("GET", `Patient/\\x`, "") + `}`,
	}, strings.TrimSuffix(strings.Repeat("tx-url-format ", 11), " ")},
	{"another type", "R4 R4B R5", "batch", "", []string{`{` + patientWith("") + `,` + putObs + `}`, `{` + patientWith("") + `,` + req("POST", "Observation", "") + `}`}, "tx-url-type tx-url-id tx-url-type"},
	{"another id", "R4 R4B R5", "transaction", "", []string{`{` + patientWith("") + `,` + req("PUT", "Patient/q", "") + `}`}, "tx-url-id"},
	{"no id", "R4 R4B R5", "transaction", "", []string{`{"resource":{"resourceType":"Patient"},` + req("PUT", "Patient/q", "") + `}`}, "tx-put-no-id"},
	{"ifNoneExist", "R4 R4B R5", "transaction", "", []string{
		`{` + patientWith("") + `,` + req("POST", "Patient", `,"ifNoneExist":"Patient?identifier=1"`) + `}`,
		`{` + patientWith("") + `,` + req("POST", "Patient", `,"ifNoneExist":"?identifier=1"`) + `}`,
		`{` + patientWith("") + `,` + req("POST", "Patient", `,"ifNoneExist":"identifier"`) + `}`,
		`{` + patientWith("") + `,` + req("POST", "Patient", `,"ifNoneExist":7`) + `}`,
	}, "tx-if-none-exist tx-if-none-exist tx-if-none-exist tx-if-none-exist"},
	{"the same resource", "R4 R4B R5", "transaction", "", []string{
		`{` + patientWith("") + `,` + req("PUT", "Patient/p", "") + `}`,
		`{` + req("DELETE", "http://a.b/Patient/p", "") + `}`,
		`{"resource":{"resourceType":"Parameters"},` + req("PATCH", "/Patient/p", "") + `}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith("") + `,` + req("POST", "Patient", "") + `}`,
		`{` + req("DELETE", "Patient?a=b", "") + `}`,
		`{` + req("DELETE", "Patient?a=b", "") + `}`,
		`{` + req("DELETE", "http://a.b/Patient/?a=b", "") + `}`,
		`{` + req("DELETE", "Patient?a=c", "") + `}`,
		`{` + req("DELETE", "Person/?a=c", "") + `}`,
		`{` + req("GET", "Patient/p", "") + `}`,
	}, "tx-duplicate-identity tx-duplicate-identity tx-duplicate-identity tx-duplicate-identity"},
	{"a POST has no identity", "R4 R4B R5", "transaction", "", []string{
		`{` + patientWith("") + `,` + req("PUT", "Patient/p", "") + `}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith("") + `,` + req("POST", "Patient", "") + `}`,
		`{"fullUrl":"http://a.c/Patient/p",` + patientWith("") + `,` + req("POST", "Patient/", "") + `}`,
		`{` + req("DELETE", "Patient/q", "") + `}`,
		`{"fullUrl":"http://a.b/Patient/q","resource":{"resourceType":"Patient","id":"q"},` + req("POST", "Patient", "") + `}`,
	}, ""},
	{"a POST's fullUrl is judged like any", "R4 R4B R5", "transaction", "", []string{
		`{"fullUrl":"http://a.b/Patient/q",` + patientWith("") + `,` + req("POST", "Patient", "") + `}`,
		`{"fullUrl":"http://a.b/Patient/q","resource":{"resourceType":"Patient"},` + req("POST", "Patient", "") + `}`,
	}, "fu-id bdl-7"},
	{"the body of a PATCH is the change", "R4 R4B R5", "transaction", "", []string{
		`{"fullUrl":"http://a.b/Patient/p","resource":{"resourceType":"Parameters"},` + req("PATCH", "Patient/p", "") + `}`,
		`{"fullUrl":"http://a.b/Patient/q","resource":{"resourceType":"Binary","id":"b","contentType":"application/json-patch+json"},` + req("PATCH", "Patient/q", "") + `}`,
		`{"fullUrl":"http://a.b/Parameters/r","resource":{"resourceType":"Parameters","id":"x"},` + req("PATCH", "Parameters/r", "") + `}`,
		`{"resource":{"resourceType":"Parameters"},` + req("PATCH", "Patient/?a=b", "") + `}`,
	}, ""},
	{"a slash after the type", "R4 R4B R5", "batch", "", []string{
		`{` + req("DELETE", "Observation/?identifier=a|b", "") + `}`,
		`{"resource":{"resourceType":"Patient"},` + req("PUT", "Patient/?a=b", "") + `}`,
		`{"resource":{"resourceType":"Patient"},` + req("POST", "Patient/", "") + `}`,
		`{"resource":{"resourceType":"Patient"},` + req("POST", "Observation/", "") + `}`,
		`{` + req("DELETE", "Observation/", "") + `}`,
		`{` + req("DELETE", "Observation/o/", "") + `}`,
		`{` + req("DELETE", "observation/?a=b", "") + `}`,
		`{"resource":{"resourceType":"Patient"},` + req("POST", "patient/", "") + `}`,
	}, "tx-url-type tx-url-format tx-url-format tx-url-format tx-url-format"},
	{"the same resource in a batch", "R4 R4B R5", "batch", "", slices.Repeat([]string{`{` + patientWith("") + `,` + req("PUT", "Patient/p", "") + `}`}, 2), ""},
	{"identity and fullUrl are not compared", "R4 R4B R5", "transaction", "", []string{
		`{"fullUrl":"Patient/q",` + patientWith("") + `,` + req("POST", "Patient", "") + `}`,
		`{` + req("DELETE", "Patient/q", "") + `}`,
	}, "fu-abs"},
	{"patches", "R4 R4B R5", "transaction", "", []string{
		`{"resource":{"resourceType":"Parameters"},` + req("PATCH", "Patient/1", "") + `}`,
		`{"resource":{"resourceType":"Binary","contentType":"application/json-patch+json"},` + req("PATCH", "Patient/2", "") + `}`,
		`{` + patientWith("") + `,` + req("PATCH", "Patient/p", "") + `}`,
	}, "tx-patch-body"},
	{"patches in a history", "R4 R4B", "history", "", []string{`{"fullUrl":"http://a.b/Patient/p",` + patientWith("") + `,` + req("PATCH", "Patient/p", "") + `,` + ok200 + `}`}, ""},
	// references
	{"references", "R4 R4B R5", "transaction", "", []string{
		`{` + patientWith(`,"link":[{"other":{"reference":"urn:uuid:2"}},{"other":{"reference":"urn:uuid:3"}},{"other":{"reference":"urn:oid:2.3"}},{"other":{"reference":"urn:uuid:3"}}]`) + `,` + req("POST", "Patient", "") + `}`,
		`{"fullUrl":"urn:uuid:2",` + patientWith(`,"a":{"reference":"urn:uuid:2"},"b":{"reference":"urn:u\u0075id:2"},"c":{"reference":{"reference":"urn:uuid:2"}},"d":{"reference":"urn:x:y"}`) + `,` + req("POST", "Patient", "") + `}`,
	}, "~ref-urn ~ref-urn"},
	{"what is inside the target makes no difference", "R4 R4B R5", "collection", "", []string{
		`{"fullUrl":"urn:uuid:2",` + patientWith(`,"a":{"reference":"urn:uuid:00000002-0000-4000-8000-000000000000#x"},"b":{"reference":"urn:uuid:00000003-0000-4000-8000-000000000000#x"}`) + `}`,
	}, "~ref-urn"},
	{"absolute URLs", "R4 R4B R5", "transaction", "", []string{
		`{` + patientWith("") + `,` + req("POST", "http://a.b/fhir/Patient", "") + `}`,
		`{` + patientWith("") + `,` + req("PUT", "http://a.b/fhir/Patient?a=b", "") + `}`,
		`{` + patientWith("") + `,` + req("PUT", "http://a.b/fhir/Patient/q", "") + `}`,
	}, "tx-url-id"},
	{"no UUIDs", "R4 R4B R5", "collection", "", []string{
		`{"fullUrl":"urn:uuid:12","resource":{"resourceType":"Basic","a":{"reference":"urn:uuid:00000000-0000-4000-8000-00000000000A"}}}`,
		`{"fullUrl":"urn:uuid:00000000-0000-4000-8000-00000000000A","resource":{"resourceType":"Basic","a":{"reference":"urn:oid:1.02"}}}`,
		`{"fullUrl":"urn:oid:1.02","resource":{"resourceType":"Basic"}}`,
	}, "~fhir-uuid-case fhir-uuid fhir-oid ~fhir-uuid-case fhir-oid"},
	{"fullUrl with a version resolves", "R4 R4B R5", "collection", "", []string{
		`{"fullUrl":"urn:uuid:1",` + patientWith(`,"link":[{"other":{"reference":"urn:uuid:2"}}]`) + `}`,
		`{"fullUrl":"urn:uuid:2",` + patientWith(`,"meta":{"versionId":"1"}`) + `}`,
	}, ""},
	{"conditional", "R4 R4B R5", "batch", "", []string{
		`{` + patientWith(`,"a":{"reference":"Patient?identifier=1"},"b":{"reference":"Patient?identifier=2"}`) + `,` + req("PUT", "Patient/p", "") + `}`,
		`{` + patientWith(`,"a":{"reference":"Patient/1?x"},"b":{"reference":"?x"}`) + `,` + req("PUT", "Patient/p", "") + `}`,
	}, "ref-conditional"},
	{"conditional in a transaction", "R4 R4B R5", "transaction", "", []string{`{` + patientWith(`,"a":{"reference":"Patient?identifier=1"}`) + `,` + req("PUT", "Patient/p", "") + `}`}, ""},
	{"conditional, with odd queries", "R4 R4B R5", "transaction", "", []string{
		`{` + patientWith(`,"a":{"reference":"Patient?identifier=1&_id=2&x=_count&_lastUpdated=3&__count=4"},"b":{"reference":"Patient?_tag=a"}`) + `,` + req("PUT", "Patient/p", "") + `}`,
		`{` + patientWith(`,"a":{"reference":"Patient?identifier=1&_count=1"},"b":{"reference":"Patient?_sort=x"}`) + `,` + req("PUT", "Patient/q1", "") + `}`,
		`{` + patientWith(`,"b":{"reference":"Patient?_revinclude:iterate=x"}`) + `,` + req("PUT", "Patient/q2", "") + `}`,
		`{` + patientWith(`,"b":{"reference":"Patience?x=y"}`) + `,` + req("PUT", "Patient/q3", "") + `}`,
		`{` + patientWith(`,"b":{"reference":"Patient\u003f_\u0063ount=1"}`) + `,` + req("PUT", "Patient/q4", "") + `}`,
	}, "tx-url-id ~ref-conditional-query tx-url-id ~ref-conditional-query tx-url-id ~ref-conditional-query tx-url-id ~ref-conditional-query"},
	{"to what a batch creates", "R4 R4B R5", "batch", "", []string{
		`{"fullUrl":"urn:uuid:6d1f7a54-3b1e-4a55-9c0f-52a7b1f0c001",` + patientWith(`,"link":[{"other":{"reference":"urn:uuid:6d1f7a54-3b1e-4a55-9c0f-52a7b1f0c001"}},{"other":{"reference":"urn:uuid:6d1f7a54-3b1e-4a55-9c0f-52a7b1f0c002"}}]`) + `,` + req("POST", "Patient", "") + `}`,
		`{"fullUrl":"urn:uuid:6d1f7a54-3b1e-4a55-9c0f-52a7b1f0c002",` + patientWith(`,"link":[{"other":{"reference":"urn:uuid:6d1f7a54-3b1e-4a55-9c0f-52a7b1f0c001"}},{"other":{"reference":"urn:uuid:6d1f7a54-3b1e-4a55-9c0f-52a7b1f0c001"}}]`) + `,` + req("POST", "Patient", "") + `}`,
	}, "ref-batch ref-batch"},
	{"by URL to what a batch creates", "R4 R4B R5", "batch", "", []string{
		`{"fullUrl":"http://a.b/Patient/1","resource":{"resourceType":"Patient"},` + req("POST", "/Patient", `,"ifNoneExist":"x=y"`) + `}`,
		`{"fullUrl":"http://a.b/Observation/1","resource":{"resourceType":"Observation","subject":{"reference":"Patient/1"}},` + req("POST", "Observation", "") + `}`,
		`{"fullUrl":"http://c.d/Observation/1","resource":{"resourceType":"Observation","subject":{"reference":"Patient/1"},"performer":[{"reference":"https://A.b\/Patient/2/_history/3"}]},` + req("POST", "Observation", "") + `}`,
		`{"fullUrl":"http://a.b/Patient/2","resource":{"resourceType":"Patient"},` + req("POST", "http://a.b/Patient", "") + `}`,
		`{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Observation","subject":{"reference":"Patient/1"}},` + req("POST", "Observation", "") + `}`,
	}, "ref-batch ref-batch"},
	{"more than once to what a batch creates", "R4 R4B R5", "batch", "", []string{
		`{"fullUrl":"http://a.b/Patient/1","resource":{"resourceType":"Patient"},` + req("POST", "Patient", "") + `}`,
		`{"resource":{"resourceType":"Basic","a":{"reference":"http://a.b/Patient/1"},"b":{"reference":"http://a.b/Patient/1?x=y"},"c":{"reference":"http://a.b/Patient/2?x=y"},"d":{"reference":"http://a.b/Patient/2#z"}},` + req("POST", "Basic", "") + `}`,
		`{"fullUrl":"http://a.b/Patient/2","resource":{"resourceType":"Patient"},` + req("POST", "Patient", "") + `}`,
	}, "ref-batch ref-batch"},
	{"to itself, in a batch", "R4 R4B R5", "batch", "", []string{
		`{"fullUrl":"urn:uuid:6d1f7a54-3b1e-4a55-9c0f-52a7b1f0c001",` + patientWith(`,"link":[{"other":{"reference":"urn:uuid:6d1f7a54-3b1e-4a55-9c0f-52a7b1f0c001"}}]`) + `,` + req("POST", "Patient", "") + `}`,
		`{"fullUrl":"http://a.b/Patient/2","resource":{"resourceType":"Patient","a":{"reference":"Patient/2"},"b":{"reference":"https://a.b/Patient/2/_history/1"}},` + req("POST", "Patient", "") + `}`,
	}, ""},
	{"without a root, in a batch", "R4 R4B R5", "batch", "", []string{
		`{"fullUrl":"Patient/1","resource":{"resourceType":"Patient"},` + req("POST", "Patient", "") + `}`,
		`{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Basic","a":{"reference":"Patient/1"}},` + req("POST", "Basic", "") + `}`,
	}, "fu-abs"},
	{"odd queries in a batch", "R4 R4B R5", "batch", "", []string{`{"resource":{"resourceType":"Basic","a":{"reference":"Patient?_count=1"}},` + req("POST", "Basic", "") + `}`}, "ref-conditional"},
	{"to what a batch does not create", "R4 R4B R5", "batch", "", []string{
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(``) + `,` + req("PUT", "Patient/p", "") + `}`,
		`{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Parameters"},` + req("POST", "Patient/$match", "") + `}`,
		`{"fullUrl":"http://a.b/Observation/1","resource":{"resourceType":"Observation","subject":{"reference":"Patient/p"},"a":{"reference":"http://a.b/Patient/p"},"b":{"reference":"urn:oid:1.2"},"c":{"reference":"Patient/q"},"d":{"reference":"http://x.y/Patient/q"},"e":{"reference":"/"}},` + req("POST", "Observation", "") + `}`,
	}, ""},
	{"to what a transaction creates", "R4 R4B R5", "transaction", "", []string{
		`{"fullUrl":"http://a.b/Patient/1","resource":{"resourceType":"Patient"},` + req("POST", "Patient", "") + `}`,
		`{"fullUrl":"http://a.b/Observation/1","resource":{"resourceType":"Observation","subject":{"reference":"Patient/1"}},` + req("POST", "Observation", "") + `}`,
	}, ""},
	{"contained", "R4 R4B R5", "batch", "", []string{
		`{` + patientWith(`,"a":{"reference":"#x"},"contained":[{"resourceType":"Patient","id":"x","b":{"reference":"#"},"c":{"reference":"#y"}},{"id":"y","resourceType":"Organization"}]`) + `,` + req("PUT", "Patient/p", "") + `}`,
		`{` + patientWith(`,"a":{"reference":"#x"}`) + `,` + req("PUT", "Patient/p", "") + `}`,
		`{` + patientWith(`,"contained":[{"id":"x"},{"resourceType":"Patience","id":"a b"},7]`) + `,` + req("PUT", "Patient/p", "") + `}`,
	}, "ref-1 fhir-resource-type fhir-unknown-type fhir-id dom-3 dom-3"},
	{"in escapes", "R4 R4B R5", "collection", "", []string{
		`{"fullUrl":"http:\/\/a.b\/Patient\/e","resource":{"resourceTyp\u0065":"P\u0061tient","\u0069d":"\u0065","met\u0061":{"v\u0065rsionId":"1"},"cont\u0061ined":[{"\u0069d":"\u0078","resourceType":"Basi\u0063"}],"a":{"referenc\u0065":"#\u0078"},"b":{"referenc\u0065":"#y"}}}`,
		`{"fullUrl":"http://a.b/Patient/e","resource":{"resourceType":"Patient","id":"e","meta":{"versionI\u0064":"\u0031"}}}`,
	}, "ref-1 bdl-7"},
	{"contained, against the rules", "R4 R4B R5", "collection", "", []string{
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(`,"a":{"reference":"#x"},"contained":[{"resourceType":"Basic","id":"x","contained":[{"resourceType":"Basic"}]},{"resourceType":"Basic","id":"x","meta":{"versionId":"1","security":[{"code":"R"}]}}]`) + `}`,
	}, "dom-2 contained-id-twice dom-4 dom-5 dom-3"},
	{"contained in parameters", "R4 R4B R5", "batch", "", []string{
		`{"resource":{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"Patient","b":{"reference":"#x"},"contained":[{"resourceType":"Patient","id":"x"}]}}]},` + req("POST", "Patient/$match", "") + `}`,
	}, ""},
	// documents and messages
	{"all that a document refers to", "R4 R4B R5", "document", docHead, []string{
		`{"fullUrl":"http://a.b/Composition/c","resource":{"resourceType":"Composition","id":"c","subject":{"reference":"Patient/p"},"encounter":{"reference":"#e"},"author":[{"display":"x"},{"reference":"Patient/p"},{"reference":"https://A.B/Patient/p/_history/2"}],
		"attester":[{"mode":"legal","party":{"reference":"urn:oid:1.2"}}],"custodian":{"reference":"Composition/c"},"event":[{"detail":[{"reference":"http://a.b/Patient/p#x"}]}],
		"relatesTo":[{"targetReference":{"reference":"Composition/z"}}],"extension":[{"valueReference":{"reference":"Patient/z"}}],
		"section":[{"section":[{"entry":[{"reference":"Patient/p/_history/2"}],"focus":{"reference":"Patient/p"}}],"author":[{"reference":"Patient/p"}]}],"contained":[{"resourceType":"Encounter","id":"e","subject":{"reference":"Patient/z"}}]}}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(`,"meta":{"versionId":"2"},"managingOrganization":{"reference":"Organization/z"}`) + `}`,
		`{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Practitioner"}}`,
	}, ""},
	{"what a document lacks", "R4 R4B", "document", docHead, []string{
		`{"fullUrl":"http://a.b/Composition/c","resource":{"resourceType":"Composition","id":"c","subject":{"reference":"Patient/1"},"encounter":{"reference":"Encounter/2"},"author":[{"reference":"Practitioner/3"}],
		"attester":[{"party":{"reference":"Practitioner/4"}}],"custodian":{"r\u0065ference":"Organization\/5"},"event":[{"detail":[{"reference":"Procedure/6"}]}],
		"section":[{"\u0061uthor":[{"reference":"Practitioner/7"}],"focus":{"reference":"Patient/8"},"section":[{"section":[{"entry":[{"reference":"Observation/9"},{"reference":"http://c.d/Observation/9"},{"reference":"Patient/p/_history/3"}]}]}]}]}}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(`,"meta":{"versionId":"2"}`) + `}`,
	}, strings.TrimSuffix(strings.Repeat("ref-document ", 11), " ")},
	{"what a document lacks", "R5", "document", docHead, []string{
		`{"fullUrl":"http://a.b/Composition/c","resource":{"resourceType":"Composition","id":"c","subject":[{"reference":"Patient/1"}],"event":[{"detail":[{"reference":{"reference":"Procedure/6"}}]}],"section":[{"entry":[{"reference":"Observation/9"}]}]}}`,
	}, "ref-document ref-document"},
	{"relative references without a root", "R4 R4B R5", "document", docHead, []string{
		`{"fullUrl":"urn:oid:1.1","resource":{"resourceType":"Composition","subject":{"reference":"Patient/p"},"author":[{"reference":"x"}]}}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(``) + `}`,
	}, "ref-document ref-document"},
	{"a document under another root", "R4 R4B R5", "document", docHead, []string{
		`{"fullUrl":"http://a.b/Composition/c","resource":{"resourceType":"Composition","id":"c","subject":{"reference":"Patient/p"}}}`,
		`{"fullUrl":"http://c.d/Patient/p",` + patientWith(``) + `}`,
	}, "ref-document"},
	{"a Composition in a message", "R4 R4B R5", "message", "", []string{
		`{"fullUrl":"http://a.b/Composition/c","resource":{"resourceType":"Composition","id":"c","subject":{"reference":"Patient/p"}}}`,
	}, "bdl-12"},
	{"a MessageHeader in a document", "R4 R4B R5", "document", docHead, []string{
		`{"fullUrl":"http://a.b/MessageHeader/m","resource":{"resourceType":"MessageHeader","id":"m","focus":[{"reference":"Patient/p"}]}}`,
	}, "bdl-11"},
	{"a Composition elsewhere", "R4 R4B R5", "collection", "", []string{
		`{"fullUrl":"http://a.b/Composition/c","resource":{"resourceType":"Composition","id":"c","subject":{"reference":"Patient/p"}}}`,
	}, ""},
	{"a message's details and focus", "R4 R4B R5", "message", "", []string{
		`{"fullUrl":"http://a.b/MessageHeader/m","resource":{"resourceType":"MessageHeader","response":{"details":{"reference":"OperationOutcome/o"}},"focus":[{"reference":"Patient/p"}],"sender":{"reference":"Organization/z"}}}`,
		`{"fullUrl":"http://a.b/OperationOutcome/o","resource":{"resourceType":"OperationOutcome","id":"o"}}`,
		`{"fullUrl":"http://a.b/Patient/p",` + patientWith(``) + `}`,
	}, ""},
	{"what a message lacks", "R4 R4B R5", "message", "", []string{
		`{"fullUrl":"http://a.b/MessageHeader/m","resource":{"resourceType":"MessageHeader","response":{"details":{"reference":"OperationOutcome/o"}},"focus":[{"reference":"Patient/p"},{"reference":"Patient/q"},{"reference":"Patient?x=y"}]}}`,
		`{"fullUrl":"http://a.b/Patient/q","resource":{"resourceType":"Patient"}}`,
	}, "ref-conditional ref-message ~ref-focus"},
	// types, pairs, comments
	{"a type of no version is one fault", "R4 R4B R5", "transaction", "", []string{
		`{"fullUrl":"http://a.b/Foo/1","resource":{"resourceType":"Foo","id":"1"},` + req("POST", "Foo", "") + `}`,
		`{"fullUrl":"http://a.b/Foo/2","resource":{"resourceType":"Foo","id":"2"},` + req("PUT", "Foo/2", "") + `}`,
		`{"resource":{"resourceType":"Foo"},` + req("POST", "Bar", "") + `}`,
		`{` + req("DELETE", "Other/2", "") + `}`,
	}, "fhir-unknown-type fhir-unknown-type fhir-unknown-type tx-url-format tx-url-format"},
	{"types of R5", "R4 R4B", "collection", "", []string{`{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Transport"}}`}, "fhir-unknown-type"},
	{"types of R5", "R5", "collection", "", []string{`{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Transport"}}`}, ""},
	{"types of R4", "R4B R5", "collection", "", []string{`{"fullUrl":"urn:uuid:1","resource":{"resourceType":"EffectEvidenceSynthesis"}}`}, "fhir-unknown-type"},
	{"abstract types", "R4 R4B R5", "collection", "", []string{`{"fullUrl":"urn:uuid:1","resource":{"resourceType":"DomainResource"}}`}, "fhir-unknown-type"},
	{"comments", "R4 R4B R5", "collection", "", []string{`{"fhir_comments":["a"],"fullUrl":"urn:uuid:1",` + patientWith(`,"name":[{"fhir_comments":["b"]}]`) + `}`}, "fhir-json-comments fhir-json-comments"},
	{"pairs", "R4 R4B R5", "collection", "", []string{`{"fullUrl":"urn:uuid:1",` + patientWith(`,"a":["x","y"],"_a":[null,{"id":"1"}],"c":"x","_c":{"id":"1"},"d":["x"],"_d":[{"extension":[{"_a":[{"id":"1"},{"id":"1"}],"a":["x","z"]}]}]`) + `}`}, ""},
	{"pairs that do not match", "R4 R4B R5", "collection", "", []string{`{"fullUrl":"urn:uuid:1",` + patientWith(`,"a":["x","y"],"_a":[{"id":"1"}],"_b":[{"id":"1"}],"b":"x","_c":{"id":"1"},"c":["x"],"_d":[{"id":"1"}],"d":[{"id":"1"}]`) + `}`}, "fhir-json-array-length fhir-json-array-length fhir-json-array-length fhir-json-array-length"},
	{"arrays beside pairs", "R4 R4B R5", "collection", "", []string{
		// Each construct stands before and after a companion array, and inside it.
		`{"fullUrl":"urn:uuid:1",` + patientWith(`,"p":[1,2,3],"a":["x","y"],"_a":[null,{"id":"1"}],"q":[1],"r":{"s":["x"],"t":[[1,2],[3]]},"_b":[{"id":"1"}],"b":["x"],"u":[{"v":["x","y"]},{"_w":[{"id":"1"}],"w":["x"]}],"c":["x","y","z"],"_c":[{"extension":[{"_d":[null,{"id":"1"}],"d":["x","y"]},{"url":"e"}]},null,{"id":"1"}],"z":[]`) + `}`,
		`{"fullUrl":"urn:uuid:2",` + patientWith(`,"n":"1","o":"2","_a":[{"id":"1"}],"f":["1","2","3"],"a":["x","y"],"g":["1"],"_h":[{"id":"1"},{"id":"2"}],"h":["x"]`) + `}`,
	}, "fhir-json-empty-array fhir-json-array-length fhir-json-array-length"},
	{"arrays of companions alone", "R4 R4B R5", "collection", "", []string{
		`{"fullUrl":"urn:uuid:1",` + patientWith(`,"_a":[{"id":"1"}],"b":["x"],"_c":{"id":"1"},"_d":[null,{"id":"1"}],"_e":[]`) + `}`,
	}, "~fhir-json-no-values fhir-json-null fhir-json-empty-array"},
	{"null in both", "R4 R4B R5", "collection", "", []string{
		`{"fullUrl":"urn:uuid:1",` + patientWith(`,"a":["x",null,null,"y",null],"_a":[null,{"id":"1"},null,null, null ],"b":[null],"_b":[null],"\u005fc":[{"id":"1"},null],"c":[null,"x"],"_d":[null,{"id":"1"}],"d":[null]`) + `}`,
	}, "fhir-json-both-null fhir-json-both-null fhir-json-both-null fhir-json-array-length"},
	{"pairs in escapes", "R4 R4B R5", "collection", "", []string{
		`{"fullUrl":"urn:uuid:1",` + patientWith(`,"\u0061":["x","y"],"_a":[null,{"id":"1"}],"b":["x"],"\u005fb":[{"id":"1"}],"c\u0063":["x"],"\u005fcc":[{"id":"1"}],"\u0064":"x"`) + `}`,
		`{"fullUrl":"urn:uuid:2",` + patientWith(`,"\u0061":["x","y"],"_a":[{"id":"1"}],"b":["x"],"\u005fb":[{"id":"1"},{"id":"1"}],"\u005fcc":{"id":"1"},"c\u0063":["x"]`) + `}`,
	}, "fhir-json-array-length fhir-json-array-length fhir-json-array-length"},
	// Bundles in Bundles
	{"nested", "R4 R4B", "batch", "", []string{
		`{"resource":` + bundleWith("document", `"id":"a b"`, false, comp, `{"fullUrl":"urn:uuid:2","resource":{"resourceType":"Patient","a":null,"b":{"reference":"urn:uuid:2"},"c":{"reference":"urn:uuid:9"},"d":{"reference":"Patient?x"}}}`) + `,` + req("POST", "Bundle", "") + `}`,
		`{"fullUrl":"urn:uuid:9",` + patientWith(`,"a":[]`) + `,` + req("POST", "Patient", "") + `}`,
	}, "fhir-id ref-conditional fhir-json-null bdl-9 bdl-10 ~ref-urn fhir-json-empty-array"},
	{"nested, empty", "R4 R4B R5", "batch", "", []string{`{"resource":{"resourceType":"Bundle","type":"batch"},` + req("POST", "Bundle", "") + `}`}, ""},
	{"nested, of no type", "R4 R4B R5", "batch", "", []string{`{"resource":{"resourceType":"Bundle","entry":[]},` + req("POST", "Bundle", "") + `}`}, "bundle-type fhir-json-empty-array"},
	{"nested too often", "R4 R4B", "batch", "", []string{`{"resource":` + bundleWith("batch", "", false,
		`{"resource":`+bundleWith("batch", "", false,
			`{"resource":`+bundleWith("batch", "", false,
				`{"resource":`+bundleWith("collection", "", false, `{`+fullObs+`,"a":[]}`)+`,`+req("POST", "Bundle", "")+`}`)+`,`+req("POST", "Bundle", "")+`}`)+`,`+req("POST", "Bundle", "")+`}`) + `,` + req("POST", "Bundle", "") + `}`}, "~not-checked fhir-json-empty-array"},
}

// TestBundleRules: what each rule finds at LevelStrict, in each version of FHIR, with
// the type before or after the entries, in memory and in the smallest blocks. A "~"
// marks warnings.
func TestBundleRules(t *testing.T) {
	said := map[string]bool{}
	for _, c := range bundleRuleCases {
		for version := range strings.FieldsSeq(c.versions) {
			for _, last := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s %s, type last %v", c.name, version, c.typ, last), func(t *testing.T) {
					doc := bundleWith(c.typ, c.members, last, c.entries...)
					o := &Options{Level: LevelStrict, Types: []string{}, Version: Version(version)}
					got := eachStep(t, doc, o)
					var codes []string
					for _, is := range got.Report.Issues {
						said[is.Code] = true
						code := is.Code
						if is.Severity == SeverityWarning {
							code = "~" + code
						}
						codes = append(codes, code)
						assert.Equal(t, strings.Count(doc[:is.Offset], "\n")+1, int(is.Line))
						assert.True(t, strings.HasPrefix(is.Path, "Bundle"), is.Path)
					}
					want := strings.Fields(c.want)
					if last { // found in another order
						slices.Sort(want)
						slices.Sort(codes)
					}
					assert.Equal(t, want, append([]string{}, codes...), doc)
				})
			}
		}
	}
	for _, r := range rules[fhirResourceType:] {
		switch r.Code {
		case "ndjson-duplicate": // TestLinesTwice
		case "tx-url", "fhir-json-empty-object": // TestLevelRules
		default:
			assert.True(t, said[r.Code], r.Code)
		}
	}
}

// TestBundlesInLines: a line that is a Bundle is checked as one.
func TestBundlesInLines(t *testing.T) {
	doc := `{"resourceType":"Patient"}` + "\n" + bundleWith("transaction", "", false, `{`+req("DELETE", "Patient/1", "")+`}`) + "\n" +
		bundleWith("transaction", `"id":"a b"`, false, `{`+req("DELETE", "Patient/1", "")+`}`, `{"x":[],`+req("DELETE", "Patient/1", "")+`}`)
	got := eachStep(t, doc, &Options{Format: FormatNDJSON, Level: LevelStrict})
	var texts []string
	for _, is := range got.Report.Issues {
		texts = append(texts, fmt.Sprint(is.Code, " ", is.Path, " ", *is.Entry, " ", is.Line))
	}
	assert.Equal(t, []string{
		"fhir-id Resource.id 2 3",
		"tx-duplicate-identity Resource.entry[1].request 2 3",
		"fhir-json-empty-array Resource.entry[1] 2 3",
	}, texts)
	assert.Equal(t, int64(1), got.Report.Rejected)
	assert.Equal(t, strings.LastIndex(doc, "[]"), int(got.Report.Issues[len(got.Report.Issues)-1].Offset))
}

// TestFindingsOfNested: the findings in a nested Bundle are those of its entry, a
// line that holds it is rejected for them, and they are counted once.
func TestFindingsOfNested(t *testing.T) {
	nested := bundleWith("collection", "", false, slices.Repeat([]string{`{` + fullObs[:len(fullObs)-1] + `,"x":[]}}`}, 10)...)
	nested = strings.ReplaceAll(nested, "http://a.b/Observation/o1", uuid1)
	for _, most := range []int{3, 100} {
		r := must(NewBytesReader([]byte(nested+"\n"+nested), &Options{Format: FormatNDJSON, Level: LevelStrict, MaxIssues: most, Severities: map[string]Severity{"bdl-7": SeverityNone}}))
		e, err := r.Next()
		require.NoError(t, err)
		assert.True(t, e.Rejected())
		assert.Len(t, e.Issues, min(most, 10))
		_, err = r.Next()
		require.NoError(t, err)
		rep := r.Report()
		assert.Equal(t, int64(2), rep.Rejected)
		assert.Len(t, rep.Issues, min(most, 20))
		assert.Equal(t, int64(20-min(most, 20)), rep.MoreIssues)
	}
	rep := must(ValidateBytes([]byte(bundleWith("batch", "", false, `{"y":[],"resource":`+nested+`,`+req("POST", "Bundle", "")+`}`)), &Options{MaxIssues: 100, Severities: map[string]Severity{"bdl-7": SeverityNone}}))
	assert.Len(t, rep.Issues, 11)
	assert.Zero(t, rep.MoreIssues)
}

// TestComments: comments get a message of their own.
func TestComments(t *testing.T) {
	for _, doc := range []string{`/* x */{}`, `{"a":1, // x` + "\n" + `"b":2}`, `{"entry":[{"resource":{"a":[1/**/]}}]}`, `{"a": /* x */ 1}`} {
		rep := must(ValidateBytes([]byte(doc), nil))
		assert.ErrorContains(t, rep.Err(), "Invalid JSON: JSON has no comments, at line 1, byte offset", doc)
	}
}
