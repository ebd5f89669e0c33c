package fhirbundle

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

// TestAppendLine: of a resource on several lines the white space between tokens
// goes, and nothing of it is left or lost.
func TestAppendLine(t *testing.T) {
	for in, want := range map[string]string{
		`{"a": 1 }`:                             `{"a": 1 }`,
		"{\"a\": 1 \n}":                         `{"a":1}`,
		"{\r\"a b\" :\t[ 1.50 , true,\n\"\" ]}": `{"a b":[1.50,true,""]}`,
		"{\n\"a\\\"\\\\\": \" x \\\\\"}":        `{"a\"\\":" x \\"}`,
		"\n{ }\n":                               `{}`,
	} {
		assert.Equal(t, "dst"+want, string(AppendLine([]byte("dst"), []byte(in))), "%q", in)
	}
	for e, err := range must(NewBytesReader(fhirgen.New(&fhirgen.Options{Indent: true}).AppendBundle(nil, "transaction", 50), nil)).All() {
		require.NoError(t, err)
		var want bytes.Buffer
		require.NoError(t, json.Compact(&want, e.Resource))
		require.Equal(t, want.String(), string(AppendLine(nil, e.Resource)))
	}
}

// FuzzAppendLine compares with encoding/json.
func FuzzAppendLine(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if CheckJSON(data, nil) != nil {
			AppendLine(nil, data) // what is no JSON does no harm
			return
		}
		data = bytes.TrimPrefix(data, bom)
		var want bytes.Buffer
		require.NoError(t, json.Compact(&want, data))
		got := AppendLine(nil, data)
		if bytes.ContainsAny(data, "\r\n") {
			require.Equal(t, want.Bytes(), got)
		} else {
			require.Equal(t, data, got)
		}
	})
}
