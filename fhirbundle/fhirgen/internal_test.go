package fhirgen

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The calendar is this package's own; it must agree with the time package on
// every day that can occur.
func TestDateAgreesWithTime(t *testing.T) {
	for day := -20000; day < 30000; day++ {
		want := time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly)
		require.Equal(t, want, string(appendDate(nil, day)))
	}
}

func TestDecimal(t *testing.T) {
	for want, c := range map[string][2]int{
		"0": {0, 0}, "17": {17, 0}, "1.70": {170, 2}, "0.05": {5, 2}, "-0.50000": {-50000, 5}, "10.000": {10000, 3},
	} {
		require.Equal(t, want, string(appendDecimal(nil, c[0], c[1])))
	}
}

// Strings of the tables are written without a look at them.
func TestTablesNeedNoEscape(t *testing.T) {
	for _, table := range [][]string{zones, givenNames, familyNames, doctors, organizations, payers, streets, cities, remarks} {
		for _, s := range table {
			require.True(t, json.Valid([]byte(`"`+s+`"`)), s)
		}
	}
	for _, table := range [][]code{groups, marital, languages, classes, visits, findings, interventions, reports, vaccines, drugs} {
		for i := range table {
			require.True(t, json.Valid(appendConcept(nil, &table[i])))
		}
	}
}

func TestPlanHoldsAnEncounter(t *testing.T) {
	g := New(nil)
	longest := 0
	g.w.begin(g, 1)
	for range 100000 {
		g.w.plan0, g.w.pN = 0, 0
		g.w.arrange(g)
		longest = max(longest, g.w.pN)
	}
	require.LessOrEqual(t, longest, planN)
}

func TestIndentAgreesWithEncodingJSON(t *testing.T) {
	compact := New(nil).AppendBundle(nil, "transaction", 40)
	var want bytes.Buffer
	require.NoError(t, json.Indent(&want, compact, "", "  "))
	require.Equal(t, want.String(), string(appendIndented(nil, compact)))
}
