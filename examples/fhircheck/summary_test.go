package main

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

func TestTotals(t *testing.T) {
	found := func(s fhirbundle.Severity) *result {
		return &result{report: &fhirbundle.Report{}, findings: []finding{{Issue: fhirbundle.Issue{Severity: s}}}}
	}
	for name, c := range map[string]struct {
		result *result
		code   int
	}{
		"nothing":                          {&result{report: &fhirbundle.Report{}}, exitFine},
		"a warning":                        {found(fhirbundle.SeverityWarning), exitFine},
		"information":                      {found(fhirbundle.SeverityInformation), exitFine},
		"an error":                         {found(fhirbundle.SeverityError), exitErrors},
		"a rejected line without an issue": {&result{report: &fhirbundle.Report{Rejected: 1}}, exitErrors},
		"not read":                         {&result{report: &fhirbundle.Report{}, err: errors.New("x")}, exitFailed},
	} {
		var totals totals
		totals.add(c.result)
		require.Equal(t, c.code, totals.exit(), name)
		totals.add(found(fhirbundle.SeverityError))
		require.Equal(t, max(c.code, exitErrors), totals.exit(), name)
	}
}

func TestSummary(t *testing.T) {
	totals := totals{began: time.Now().Add(-time.Hour), skipped: 2}
	totals.add(&result{report: &fhirbundle.Report{Resources: 1234, Bytes: 3_600_000_000, MoreIssues: 7}, findings: []finding{
		{Issue: fhirbundle.Issue{Severity: fhirbundle.SeverityInformation}}, {Issue: fhirbundle.Issue{Severity: fhirbundle.SeverityWarning}},
	}})
	totals.add(&result{report: &fhirbundle.Report{Resources: 1}, err: errors.New("x")})
	require.Equal(t, "1 file checked, 1 could not be read, 2 skipped for their names, 1,235 resources, 3.6 GB, "+
		"0 errors, 1 warning, 1 for information, 7 not listed, 1 MB/s", totals.text())
}
