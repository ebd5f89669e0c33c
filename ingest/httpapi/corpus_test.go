package httpapi_test

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
)

// The corpus goes through the front door: what breaks JSON or one of the six
// rules is refused with the rule's own message, and what breaks neither is
// taken. Rules of the other levels are findings there, and not judged here.
func TestCorpus(t *testing.T) {
	dir := corpus(t)
	manifest, err := os.ReadFile(filepath.Join(dir, "manifest.tsv"))
	require.NoError(t, err)
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Service: ingest.Options{MaxBodyBytes: 64 << 20}})
	type tally struct{ agreed, not int }
	table := map[string]*tally{}
	for i, row := range strings.Split(strings.TrimSpace(string(manifest)), "\n") {
		if i == 0 {
			continue
		}
		f := strings.Split(row, "\t")
		file, kind, verdict, rule, level := f[0], f[4], f[5], f[6], f[7]
		if level == "ndjson" || kind == "ndjson" || verdict == "flag" || verdict == "either" {
			continue
		}
		body, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		broken := strings.Contains(rule, "json-syntax") || strings.Contains(rule, "json-dup") || strings.Contains(rule, "json-utf8") || strings.Contains(rule, "json-surrogate")
		name, want := expectation(body, kind, level, verdict, broken)
		answer := p.Client.Do(t, "POST", bundlePath, fhirJSON, bytes.NewReader(body))
		got := "202"
		if answer.Status != 202 {
			var r refusal
			answer.JSON(t, &r)
			got = fmt.Sprint(answer.Status, " ", r.Error)
		}
		if table[name] == nil {
			table[name] = &tally{}
		}
		if slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(got, w) }) {
			table[name].agreed++
			continue
		}
		table[name].not++
		t.Errorf("%s (%s, %s): want %v, got %s", file, kind, rule, want, got)
	}
	t.Logf("%-28s %7s %4s", "rule", "agreed", "not")
	for _, name := range slices.SortedFunc(maps.Keys(table), cmp.Compare[string]) {
		t.Logf("%-28s %7d %4d", name, table[name].agreed, table[name].not)
	}
}

// expectation says by which rule a document is judged, and which answers agree.
func expectation(body []byte, kind, level, verdict string, broken bool) (string, []string) {
	const invalid, empty = "400 Invalid JSON: ", "400 Request body is empty"
	switch {
	case level == "json-raw" && verdict == "invalid", broken:
		return "broken JSON", []string{invalid, empty}
	case level == "json-raw":
		// None of them is a Bundle; two have duplicate names, and two a NUL.
		return "other JSON", []string{"400 Expected resourceType 'Bundle', got ", invalid + "a name occurs twice", invalid}
	case !strings.HasPrefix(kind, "Bundle"):
		return "not a Bundle", []string{"400 Expected resourceType 'Bundle', got "}
	}
	_, bundleType, _ := strings.Cut(kind, "/")
	switch bundleType {
	case "transaction", "batch", "collection", "message":
	default:
		return "type not accepted", []string{"400 Unsupported bundle type: "}
	}
	if verdict == "valid" {
		return "valid, accepted type", []string{"202", "400 Bundle contains no entries"}
	}
	return "lenient findings", []string{"202", "400 Bundle contains no entries", "400 Entry "}
}

func corpus(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent)
		dir = parent
	}
	dir = filepath.Join(dir, "..", "shared", "corpus")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("SKIPPED: the corpus is not beside the checkout (../shared/corpus)")
	}
	return dir
}
