package outcome

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

func TestPlaces(t *testing.T) {
	at := func(line, column int64) Finding {
		return Finding{Issue: fhirbundle.Issue{Code: "json-dup", Line: line}, Column: column}
	}
	o := New("a.json", []Finding{at(2, 3), at(2, 0), at(1<<31, 1<<31-1), {}})
	require.Equal(t, []Extension{{URL: fileExtension, ValueString: "a.json"}}, o.Extension)
	require.Len(t, o.Issue, 4)
	for i, want := range [][]Extension{
		{{URL: lineExtension, ValueInteger: 2}, {URL: columnExtension, ValueInteger: 3}},
		{{URL: lineExtension, ValueInteger: 2}},
		{{URL: columnExtension, ValueInteger: 1<<31 - 1}}, // FHIR's integers have 32 bits
		nil,
	} {
		require.Equal(t, want, o.Issue[i].Extension)
	}
}
