package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

func TestOutcome(t *testing.T) {
	folder(t, map[string]string{"good.json": good, "warned.json": warned, "bad.ndjson": strings.Repeat("é oops\n", 3)})
	code, out, _ := checked("", "-o", "outcome", "-max-issues", "2", "good.json", "warned.json", "bad.ndjson", "missing.json")
	require.Equal(t, exitFailed, code)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	require.Len(t, lines, 4)
	var all [4]outcome
	for i, name := range []string{"good.json", "warned.json", "bad.ndjson", "missing.json"} {
		require.NoError(t, fhirbundle.CheckJSON([]byte(lines[i]), nil))
		require.NoError(t, json.Unmarshal([]byte(lines[i]), &all[i]))
		require.Equal(t, "OperationOutcome", all[i].ResourceType)
		require.Equal(t, []extension{{URL: fileExtension, ValueString: name}}, all[i].Extension)
	}
	require.Len(t, all[0].Issue, 1)
	require.Equal(t, "information", all[0].Issue[0].Severity)
	require.Empty(t, all[0].Issue[0].Extension)

	require.Len(t, all[1].Issue, 1)
	require.Equal(t, "warning", all[1].Issue[0].Severity)
	require.Equal(t, []string{"Bundle.entry[0].resource"}, all[1].Issue[0].Expression)
	require.Equal(t, []extension{{URL: lineExtension, ValueInteger: 1}, {URL: columnExtension, ValueInteger: 106}}, all[1].Issue[0].Extension)

	require.Len(t, all[2].Issue, 3)
	require.Equal(t, []string{"error", "error", "information"}, []string{all[2].Issue[0].Severity, all[2].Issue[1].Severity, all[2].Issue[2].Severity})
	require.Equal(t, "1 more finding is not listed; see -max-issues", all[2].Issue[2].Details.Text)

	require.Len(t, all[3].Issue, 1)
	require.Equal(t, "fatal", all[3].Issue[0].Severity)
	require.Equal(t, "exception", all[3].Issue[0].Code)

	// Each is a valid resource to the library.
	rep, err := fhirbundle.ValidateBytes([]byte(out), &fhirbundle.Options{Format: fhirbundle.FormatNDJSON, Level: fhirbundle.LevelStrict})
	require.NoError(t, err)
	require.Empty(t, rep.Issues)
	require.Equal(t, map[string]int64{"OperationOutcome": 4}, rep.ResourceCounts)
}
