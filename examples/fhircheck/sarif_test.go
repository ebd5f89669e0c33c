package main

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

// object and list are encoding/json's types for any.
type (
	object = map[string]any
	list   = []any
)

// runOf checks the requirements of SARIF 2.1.0, GitHub and editors on a log, and returns
// its run.
func runOf(t *testing.T, out string) object {
	t.Helper()
	require.NoError(t, fhirbundle.CheckJSON([]byte(out), nil))
	var log object
	require.NoError(t, json.Unmarshal([]byte(out), &log))
	require.Equal(t, "2.1.0", log["version"])
	require.Contains(t, log["$schema"], "sarif-2.1.0")
	require.Len(t, log["runs"], 1)
	run := log["runs"].(list)[0].(object)
	driver := run["tool"].(object)["driver"].(object)
	require.Equal(t, "fhircheck", driver["name"])
	require.Contains(t, list{"utf16CodeUnits", "unicodeCodePoints"}, run["columnKind"])
	levels := list{"none", "note", "warning", "error"}

	rules := driver["rules"].(list)
	require.Len(t, rules, len(fhirbundle.Rules()))
	ids := map[any]bool{}
	for _, r := range rules {
		rule := r.(object)
		require.NotEmpty(t, rule["id"])
		require.False(t, ids[rule["id"]], "ids are unique")
		ids[rule["id"]] = true
		require.NotEmpty(t, rule["shortDescription"].(object)["text"])
		require.Contains(t, levels, rule["defaultConfiguration"].(object)["level"])
		u, err := url.Parse(rule["helpUri"].(string))
		require.NoError(t, err)
		require.True(t, u.IsAbs())
	}
	for _, r := range run["results"].(list) {
		result := r.(object)
		require.NotEmpty(t, result["message"].(object)["text"])
		require.Contains(t, levels, result["level"])
		require.Equal(t, result["ruleId"], rules[int(result["ruleIndex"].(float64))].(object)["id"])
		require.Len(t, result["locations"], 1)
		location := result["locations"].(list)[0].(object)
		where := location["physicalLocation"].(object)
		requireURI(t, where)
		region := where["region"].(object)
		require.GreaterOrEqual(t, region["startLine"], 1.0)
		require.GreaterOrEqual(t, region["startColumn"], 1.0)
		if logical, ok := location["logicalLocations"].(list); ok {
			require.NotEmpty(t, logical[0].(object)["fullyQualifiedName"])
		}
	}
	require.Len(t, run["invocations"], 1)
	invocation := run["invocations"].(list)[0].(object)
	require.IsType(t, true, invocation["executionSuccessful"])
	if notes, ok := invocation["toolExecutionNotifications"].(list); ok {
		for _, n := range notes {
			require.NotEmpty(t, n.(object)["message"].(object)["text"])
			require.Contains(t, levels, n.(object)["level"])
			requireURI(t, n.(object)["locations"].(list)[0].(object)["physicalLocation"].(object))
		}
	}
	return run
}

func requireURI(t *testing.T, where object) {
	t.Helper()
	text := where["artifactLocation"].(object)["uri"].(string)
	u, err := url.Parse(text)
	require.NoError(t, err)
	require.Equal(t, u.String(), text, "it is encoded")
}

func TestSARIF(t *testing.T) {
	folder(t, map[string]string{"good.json": good, "in/warned 1é.json": warned, "in/bad.ndjson.gz": zipped(t, oneBad+"oops\n")})
	code, out, _ := checked("", "-o", "sarif", "good.json", "in", "missing.json")
	require.Equal(t, exitFailed, code)
	run := runOf(t, out)
	results := run["results"].(list)
	require.Len(t, results, 3)

	bad := results[0].(object)
	require.Equal(t, "json-syntax", bad["ruleId"])
	require.Equal(t, "error", bad["level"])
	require.Equal(t, list{object{"physicalLocation": object{
		"artifactLocation": object{"uri": "in/bad.ndjson.gz"},
		"region":           object{"startLine": 2.0, "startColumn": 1.0, "endColumn": 1.0}, // no offset: it would not be one in the file
	}}}, bad["locations"])

	null := results[2].(object)
	require.Equal(t, "warning", null["level"])
	require.Equal(t, list{object{
		"physicalLocation": object{
			"artifactLocation": object{"uri": "in/warned%201%C3%A9.json"},
			"region":           object{"startLine": 1.0, "startColumn": 106.0, "endColumn": 106.0, "byteOffset": 105.0},
		},
		"logicalLocations": list{object{"fullyQualifiedName": "Bundle.entry[0].resource"}},
	}}, null["locations"])

	invocation := run["invocations"].(list)[0].(object)
	require.Equal(t, false, invocation["executionSuccessful"])
	require.Len(t, invocation["toolExecutionNotifications"], 1)
}

func TestSARIFWithoutFindings(t *testing.T) {
	folder(t, map[string]string{"good.json": good})
	code, out, _ := checked("", "-o", "sarif", "good.json")
	require.Zero(t, code)
	run := runOf(t, out)
	require.Empty(t, run["results"])
	require.Equal(t, true, run["invocations"].(list)[0].(object)["executionSuccessful"])
}

func TestSARIFLevels(t *testing.T) {
	require.Equal(t, "note", sarifLevel(fhirbundle.SeverityInformation))
	_, out, _ := checked(warned, "-o", "sarif", "-strict", "-")
	run := runOf(t, out)
	require.Equal(t, "error", run["results"].(list)[0].(object)["level"])
	_, out, _ = checked(oneBad+"oops\n", "-o", "sarif", "-max-issues", "1", "-")
	notes := runOf(t, out)["invocations"].(list)[0].(object)
	require.Equal(t, true, notes["executionSuccessful"], "unlisted findings are no failure")
	require.Equal(t, "note", notes["toolExecutionNotifications"].(list)[0].(object)["level"])
}

func TestArtifact(t *testing.T) {
	t.Chdir(t.TempDir())
	wd, err := os.Getwd()
	require.NoError(t, err)
	for name, want := range map[string]string{
		"a.json": "a.json", "./in//a b.json": "in/a%20b.json", "a:b#c?.json": "./a:b%23c%3F.json", filepath.Join(wd, "in", "a.json"): "in/a.json", "stdin": "stdin",
	} {
		require.Equal(t, want, artifact(name).URI, name)
	}
	outside := url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(filepath.Dir(wd), "é.json"))}
	require.Equal(t, outside.String(), artifact("../é.json").URI)
	require.Equal(t, outside.String(), artifact(filepath.Join(filepath.Dir(wd), "é.json")).URI)
}
