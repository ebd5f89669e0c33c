package fhirbundle

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	uuid1 = "urn:uuid:00000000-0000-4000-8000-00000000001a"
	uuid2 = "urn:uuid:00000000-0000-4000-8000-00000000002b"
)

// urnCases are URIs and the rule that each breaks.
var urnCases = map[string]string{
	uuid1: "",
	"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7": "",
	"urn:uuid:00000000-0000-0000-0000-000000000000": "",
	"urn:uuid:ffffffff-ffff-ffff-ffff-ffffffffffff": "",
	"urn:uuid:53FEFA32-fcbb-4ff8-8a92-55ee120877b7": "fhir-uuid-case",
	"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877bF": "fhir-uuid-case",
	"URN:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7": "fhir-uuid-case",
	"urn:UUID:53fefa32-fcbb-4ff8-8a92-55ee120877b7": "fhir-uuid-case",
	uuid1 + "#x":  "",
	"urn:uuid:":   "fhir-uuid",
	"urn:uuid:12": "fhir-uuid",
	"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b":      "fhir-uuid",
	"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b70":    "fhir-uuid",
	"urn:uuid:53fefa32fcbb4ff88a9255ee120877b7":         "fhir-uuid",
	"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877bg":     "fhir-uuid",
	"urn:uuid:53fefa32-fcbb-4ff88-a92-55ee120877b7":     "fhir-uuid",
	"urn:uuid:{53fefa32-fcbb-4ff8-8a92-55ee120877}":     "fhir-uuid",
	"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b ":     "fhir-uuid",
	"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877\u00e9": "fhir-uuid",
	"urn:oid:1.2.36.146.595.217.0.1":                    "",
	"urn:oid:2.16.840.1.113883.4.642.3.224":             "",
	"urn:oid:0.0":                                       "",
	"urn:oid:1.10":                                      "",
	"urn:oid:":                                          "fhir-oid",
	"urn:oid:1":                                         "fhir-oid",
	"urn:oid:1.":                                        "fhir-oid",
	"urn:oid:3.1":                                       "fhir-oid",
	"urn:oid:1.02":                                      "fhir-oid",
	"urn:oid:1..2":                                      "fhir-oid",
	"urn:oid:1.2.":                                      "fhir-oid",
	"urn:oid:12.1":                                      "fhir-oid",
	"urn:oid:1.a":                                       "fhir-oid",
	"urn:oid:1.2-3":                                     "fhir-oid",
	"urn:isbn:1":                                        "",
	"urn:uuid":                                          "",
	"urn":                                               "",
}

// TestURN: UUIDs and OIDs in a fullUrl and in a reference that are invalid or in upper
// case.
func TestURN(t *testing.T) {
	for uri, want := range urnCases {
		got := ""
		if f := urnFault([]byte(uri)); f != 0 {
			got = rules[f].Code
		}
		require.Equal(t, want, got, uri)

		severity := SeverityError
		if want == "fhir-uuid-case" {
			severity = SeverityWarning
		}
		for _, text := range []string{uri, strings.Replace(uri, ":", `\u003a`, 1)} {
			for version := range strings.FieldsSeq("R4 R4B R5") {
				doc := fmt.Sprintf("{\"resourceType\":\"Bundle\",\"type\":\"collection\",\n\"entry\":[{\"fullUrl\":\"%s\",\"resource\":{\"resourceType\":\"Basic\",\"a\":{\"reference\":\"%s\"},\"b\":{\"reference\":\"%s\"}}}]}", text, text, text)
				rep := must(ValidateBytes([]byte(doc), &Options{Level: LevelStrict, Version: Version(version)}))
				var found []Issue
				for _, is := range rep.Issues {
					if strings.HasPrefix(is.Code, "fhir-") {
						found = append(found, is)
					}
				}
				if want == "" {
					assert.Empty(t, found, uri)
					continue
				}
				require.Len(t, found, 3, doc)
				at := 0
				for i, path := range []string{"Bundle.entry[0].resource", "Bundle.entry[0].resource", "Bundle.entry[0].fullUrl"} {
					is := found[i]
					assert.Equal(t, want, is.Code, uri)
					assert.Equal(t, severity, is.Severity)
					assert.Equal(t, path, is.Path)
					assert.Equal(t, int64(2), is.Line)
					at = strings.Index(doc[at+1:], `"`+text) + at + 1
					if i == 0 {
						at = strings.Index(doc[at+1:], `"`+text) + at + 1
					} else if i == 2 {
						at = strings.Index(doc, `"`+text)
					}
					assert.Equal(t, int64(at), is.Offset)
				}
			}
		}

		line := fmt.Sprintf(`{"resourceType":"Basic","a":{"reference":"%s"}}`, uri)
		rep := must(ValidateBytes([]byte(line), &Options{Format: FormatNDJSON, Severities: map[string]Severity{"ref-urn": SeverityNone}}))
		if want == "" {
			assert.Empty(t, rep.Issues, uri)
		} else if assert.Equal(t, []string{want}, codes(rep.Issues)) {
			assert.Equal(t, "Resource", rep.Issues[0].Path)
		}
		assert.Empty(t, must(ValidateBytes([]byte(line), &Options{Format: FormatNDJSON, Level: LevelBasic})).Issues)
	}
}

// TestSmallUUID: every byte at every position of a UUID.
func TestSmallUUID(t *testing.T) {
	const good = "53fefa32-fcbb-4ff8-8a92-55ee120877b7"
	for i := range len(good) {
		for c := range 256 {
			text := []byte(good)
			text[i] = byte(c)
			want := strings.ContainsRune("0123456789abcdef", rune(c))
			if good[i] == '-' {
				want = c == '-'
			}
			require.Equal(t, want && c < 128, isSmallUUID(text), "%q", text)
			require.Equal(t, want && c < 128, uuidFault(text, true) == 0, "%q", text)
		}
	}
}
