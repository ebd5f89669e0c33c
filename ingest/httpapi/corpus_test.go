package httpapi_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// The corpus is posted to the API: files that break JSON or one of the six rules are refused
// with the rule's own message, and all others are accepted. The expected result is judge's,
// an independent implementation that parses the whole document, and for broken JSON also
// the manifest's.
func TestCorpus(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	table := map[string]*tally{}
	for _, row := range manifest(t) {
		if row.kind == "ndjson" {
			continue
		}
		body := row.read(t)
		want := judge(body)
		if row.breaksJSON() {
			require.Contains(t, []string{invalidJSON, "Request body is empty"}, want, row.file)
		}
		answer := p.Client.Do(t, "POST", bundlePath, fhirJSON, bytes.NewReader(body))
		got := "202"
		if answer.Status != 202 {
			var r refusal
			answer.JSON(t, &r)
			require.Equal(t, 400, answer.Status, row.file)
			got = r.Error
		}
		agree(t, table, row, rule(want), got == want || want == invalidJSON && strings.HasPrefix(got, invalidJSON), want, got)
	}
	show(t, table)
}

// The NDJSON files are uploaded and processed: lines that are not JSON, not an object or
// have no resourceType are rejected, and all others are done.
func TestCorpusNDJSON(t *testing.T) {
	p := ingesttest.New(t)
	table := map[string]*tally{}
	for _, row := range manifest(t) {
		if row.kind != "ndjson" {
			continue
		}
		body := row.read(t)
		var good, bad int64
		for line := range bytes.Lines(bytes.TrimPrefix(body, bom)) {
			switch resource, err := strict(line); {
			case err == errNothing:
			case err == nil && resourceType(resource) != "":
				good++
			default:
				bad++
			}
		}
		job := p.Wait(t, p.Client.Upload(t, "application/fhir+ndjson", body))
		state := jobs.Completed
		if good == 0 && bad > 0 {
			state = jobs.Failed // all lines were rejected
		}
		want := fmt.Sprint(state, " ", good, " ", bad)
		got := fmt.Sprint(job.State, " ", job.Progress.Done, " ", job.Progress.Rejected)
		agree(t, table, row, "NDJSON, each line", got == want, want, got)
	}
	show(t, table)
}

const invalidJSON = "Invalid JSON: "

var bom = []byte("\xef\xbb\xbf")

var errNothing = errors.New("nothing but white space")

// judge returns the expected answer to a document: the first of the six rules that it
// breaks, or 202.
func judge(body []byte) string {
	doc, err := strict(bytes.TrimPrefix(body, bom))
	switch {
	case err == errNothing:
		return "Request body is empty"
	case err != nil:
		return invalidJSON
	}
	object, ok := doc.(map[string]any)
	if kind := resourceType(doc); kind != "Bundle" {
		got := map[bool]string{true: "no resourceType", false: jsonKind(doc)}[ok]
		if kind != "" {
			got = "'" + kind + "'"
		}
		return "Expected resourceType 'Bundle', got " + got
	}
	switch kind, _ := object["type"].(string); kind {
	case "transaction", "batch", "collection", "message":
	case "":
		return "Unsupported bundle type: none"
	default:
		return "Unsupported bundle type: " + kind
	}
	entries, _ := object["entry"].([]any)
	if len(entries) == 0 {
		return "Bundle contains no entries"
	}
	for i, e := range entries {
		entry, ok := e.(map[string]any)
		if !ok {
			return fmt.Sprintf("Entry %d is not an object", i)
		}
		request, _ := entry["request"].(map[string]any)
		method, _ := request["method"].(string)
		bodyless := slices.Contains([]string{"GET", "HEAD", "DELETE"}, method) && (object["type"] == "transaction" || object["type"] == "batch")
		if _, ok := entry["resource"]; !ok && !bodyless {
			return fmt.Sprintf("Entry %d missing 'resource' field", i)
		}
	}
	return "202"
}

// strict decodes one JSON value by the rules that are always on: those of jsontext (RFC
// 8259, UTF-8, no duplicate names), no NUL, and 64 levels.
func strict(data []byte) (any, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		token, err := dec.ReadToken()
		if err == io.EOF && dec.InputOffset() == 0 {
			return nil, errNothing
		}
		if err != nil {
			return nil, err
		}
		if token.Kind() == '"' && strings.Contains(token.String(), "\x00") {
			return nil, errors.New("NUL")
		}
		if dec.StackDepth() > 64 {
			return nil, errors.New("depth")
		}
		if dec.StackDepth() == 0 {
			break
		}
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return nil, errors.New("data after the value")
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return v, d.Decode(&v)
}

func resourceType(v any) string {
	object, _ := v.(map[string]any)
	name, _ := object["resourceType"].(string)
	return name
}

func jsonKind(v any) string {
	switch v.(type) {
	case []any:
		return "a JSON array"
	case string:
		return "a JSON string"
	case bool:
		return "a JSON boolean"
	case nil:
		return "JSON null"
	}
	return "a JSON number"
}

// rule returns the message without its quoted parts.
func rule(message string) string {
	if strings.HasPrefix(message, "Entry ") {
		_, what, _ := strings.Cut(strings.TrimPrefix(message, "Entry "), " ")
		return "Entry {i} " + what
	}
	for _, cut := range []string{", got ", ": "} {
		if before, _, ok := strings.Cut(message, cut); ok {
			return before
		}
	}
	return message
}

// row is a file of the corpus.
type row struct{ path, file, kind, verdict, rule, level string }

func (r row) read(t *testing.T) []byte {
	t.Helper()
	body, err := os.ReadFile(r.path)
	require.NoError(t, err)
	return body
}

// breaksJSON reports whether the manifest says that the file is not JSON.
func (r row) breaksJSON() bool {
	return r.verdict == "invalid" && (r.level == "json-raw" || strings.Contains(r.rule, "json-syntax") ||
		strings.Contains(r.rule, "json-dup") || strings.Contains(r.rule, "json-utf8") || strings.Contains(r.rule, "json-surrogate"))
}

func manifest(t *testing.T) []row {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "..", "shared", "corpus"))
	require.NoError(t, err)
	raw, err := os.ReadFile(filepath.Join(dir, "manifest.tsv"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("SKIPPED: the corpus is not beside the checkout (../shared/corpus)")
	}
	require.NoError(t, err)
	var rows []row
	for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n")[1:] {
		f := strings.Split(line, "\t")
		rows = append(rows, row{path: filepath.Join(dir, f[0]), file: f[0], kind: f[4], verdict: f[5], rule: f[6], level: f[7]})
	}
	return rows
}

type tally struct{ agreed, not int }

func agree(t *testing.T, table map[string]*tally, r row, rule string, ok bool, want, got string) {
	t.Helper()
	if table[rule] == nil {
		table[rule] = &tally{}
	}
	if ok {
		table[rule].agreed++
		return
	}
	table[rule].not++
	t.Errorf("%s (%s, %s): want %s, got %s", r.file, r.kind, r.rule, want, got)
}

func show(t *testing.T, table map[string]*tally) {
	t.Helper()
	t.Logf("%-36s %7s %4s", "rule", "agreed", "not")
	for _, name := range slices.SortedFunc(maps.Keys(table), cmp.Compare[string]) {
		t.Logf("%-36s %7d %4d", name, table[name].agreed, table[name].not)
	}
}
