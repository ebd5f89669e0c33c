package fhirbundle

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestResourceFormat(t *testing.T) {
	t.Parallel()
	const indented = "\xef\xbb\xbf\n{\n  \"resourceType\": \"Patient\",\n  \"id\": \"a\",\n  \"name\": []\n}\n"
	for _, c := range []struct{ name, payload, want string }{
		{"fine", `{"resourceType":"Patient","id":"a"}`, ""},
		{"indented, with a finding", indented, "json-bom, fhir-json-empty-array Resource 5"},
		{"id", "{\"resourceType\":\"Patient\",\n\"id\":\"a b\"}", "fhir-id Resource.id 2"},
		{"no type", `{"id":"a"}`, "fhir-resource-type Resource 1"},
		{"no object", `["a"]`, "fhir-resource-type Resource 1"},
		{"broken", "{\"resourceType\":\n\"Patient\",}", "json-syntax  2"},
		{"two", "{\"resourceType\":\"Patient\"}\n{\"resourceType\":\"Patient\"}", "json-syntax  2"},
		{"cut", `{"resourceType":"Patient"`, "json-syntax  1"},
		{"empty", " \n", "body-empty  1"},
		{"contained", `{"resourceType":"Patient","contained":[],"link":[{"other":{"reference":"#x"}}]}`, "ref-1 Resource 1, fhir-json-empty-array Resource 1"},
		{"a Bundle", `{"resourceType":"Bundle","type":"collection","total":1}`, "bdl-1 Resource.total 1"},
		{"conditional reference", `{"resourceType":"Patient","generalPractitioner":[{"reference":"Practitioner?x=1"}]}`, "ref-conditional Resource 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, src := range []io.Reader{strings.NewReader(c.payload), iotest.OneByteReader(strings.NewReader(c.payload))} {
				r, err := Validate(src, &Options{Format: FormatResource, Level: LevelStrict})
				require.NoError(t, err)
				var got []string
				for _, is := range r.Issues {
					got = append(got, strings.TrimSpace(is.Code+" "+is.Path+" "+lineOf(is)))
				}
				require.Equal(t, c.want, strings.Join(got, ", "))
				require.Equal(t, c.want != "", r.Err() != nil)
			}
		})
	}
}

func lineOf(is Issue) string {
	if is.Code == "json-bom" {
		return ""
	}
	return string(rune('0' + is.Line))
}

// TestResourceEntry: the only entry is the resource, byte for byte.
func TestResourceEntry(t *testing.T) {
	t.Parallel()
	const payload = "\n { \"resourceType\" : \"Patient\",\n\"id\":\"a\" } \n"
	r, err := NewReader(strings.NewReader(payload), &Options{Format: FormatResource})
	require.NoError(t, err)
	e, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(payload), string(e.Resource))
	require.Equal(t, "Patient", e.Type)
	require.Equal(t, "a", string(e.ID))
	require.EqualValues(t, 2, e.ResourceOffset)
	require.EqualValues(t, 2, e.Line())
	at := r.Position()
	_, err = r.Next()
	require.ErrorIs(t, err, io.EOF)
	report := r.Report()
	require.EqualValues(t, len(payload), report.Bytes)
	require.Equal(t, map[string]int64{"Patient": 1}, report.ResourceCounts)

	r, err = ResumeReader(strings.NewReader(payload[at.Offset:]), at, &Options{Format: FormatResource})
	require.NoError(t, err)
	_, err = r.Next()
	require.ErrorIs(t, err, io.EOF)
}
