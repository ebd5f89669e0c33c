package fhirbundle

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// corpusDir is the folder of test documents beside the repository, or "".
func corpusDir(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		require.NotEqual(t, dir, up, "no go.mod above the test")
		dir = up
	}
	dir = filepath.Join(dir, "..", "shared", "corpus")
	if _, err := os.Stat(filepath.Join(dir, "manifest.tsv")); err != nil {
		return ""
	}
	return dir
}

type corpusFile struct {
	name, kind, expected, level string
	rules                       []string
	data                        []byte
}

func (f corpusFile) options() *Options {
	o := &Options{Types: []string{}}
	if f.kind == "ndjson" {
		o.Format = NDJSON
	}
	return o
}

// corpus is every document of the corpus. Without it the test is skipped.
func corpus(t testing.TB) []corpusFile {
	t.Helper()
	files := corpusFiles(t)
	if files == nil {
		t.Skip("SKIPPED: the corpus is not there; this test has checked nothing of it")
	}
	return files
}

// corpusFiles is corpus for tests that can do without: nil where it is not there.
func corpusFiles(t testing.TB) []corpusFile {
	dir := corpusDir(t)
	if dir == "" {
		t.Log("the corpus is not there")
		return nil
	}
	raw, err := os.ReadFile(filepath.Join(dir, "manifest.tsv"))
	require.NoError(t, err)
	var files []corpusFile
	for i, row := range strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n") {
		col := strings.Split(row, "\t")
		if i == 0 {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, col[0]))
		require.NoError(t, err)
		f := corpusFile{name: col[0], kind: col[4], expected: col[5], level: col[7], data: data}
		for _, r := range strings.FieldsFunc(col[6], func(c rune) bool { return c == ',' || c == ' ' }) {
			r = strings.TrimPrefix(r, "also:")
			r, _, _ = strings.Cut(r, ":")
			f.rules = append(f.rules, r)
		}
		files = append(files, f)
	}
	require.Greater(t, len(files), 600)
	return files
}

// TestJSONTestSuite: 188 must fail, 95 must pass, save the two that have a name
// twice in one object.
func TestJSONTestSuite(t *testing.T) {
	var refused, taken, twice int
	for _, f := range corpus(t) {
		if f.level != "json-raw" {
			continue
		}
		err := CheckJSON(f.data, nil)
		switch base := filepath.Base(f.name); {
		case strings.HasPrefix(base, "n_"):
			assert.ErrorIs(t, err, ErrInvalid, f.name)
			refused++
		case strings.HasPrefix(base, "y_object_duplicated"):
			var invalid *InvalidError
			if assert.ErrorAs(t, err, &invalid, f.name) {
				assert.Equal(t, "json-dup", invalid.First.Code)
			}
			twice++
		case strings.HasPrefix(base, "y_"):
			assert.NoError(t, err, f.name)
			taken++
		}
	}
	assert.Equal(t, 188, refused)
	assert.Equal(t, 93, taken)
	assert.Equal(t, 2, twice)
}

// ours are the rules of the manifest that this package has, and their codes.
var ours = map[string]string{
	"json-syntax":    "json-syntax",
	"json-utf8":      "json-utf8",
	"json-dup":       "json-dup",
	"json-surrogate": "json-surrogate",
	"json-depth":     "json-depth",
	"json-bom":       "json-bom",
	"json-null":      "fhir-json-null",
	"json-empty-arr": "fhir-json-empty-array",
	"json-empty-obj": "fhir-json-empty-object",
	"json-empty-str": "fhir-json-empty-string",
	"bdl-3":          "bdl-3",
	"fu-id":          "fu-id",
	"id-format":      "fhir-id",
}

// elsewhere are rows whose rule this package can't see yet, and why.
var elsewhere = map[string]string{
	"invalid/fhir-test-cases__r4__patient-hs-1.json json-null":          "arrays of unequal length in an x/_x pair (array-align)",
	"invalid/fhir-test-cases__r4__bundle-with-no-type.json bdl-3":       "without a type, bundle-type is the finding",
	"invalid/fhir-test-cases__r4__resource-invalid-id-3.json id-format": "the id of a contained resource",
}

// TestCorpus judges every document at level Strict with all Bundle types
// accepted: what is valid has no error, what breaks a rule of ours has that
// finding, and what breaks JSON or a rule of the front door is refused.
func TestCorpus(t *testing.T) {
	judged, agreed := map[string]int{}, map[string]int{}
	for _, f := range corpus(t) {
		if f.level == "json-raw" {
			continue
		}
		o := f.options()
		o.Level, o.MaxIssues = Strict, 10000
		data := f.data
		if !strings.HasPrefix(f.kind, "Bundle") && f.kind != "ndjson" {
			// One resource: a line.
			o.Format = NDJSON
			data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\n"), nil), []byte("\r"), nil)
		}
		rep, err := Validate(bytes.NewReader(data), o)
		require.NoError(t, err, f.name)
		codes, broken := map[string]int{}, false
		for _, is := range rep.Issues {
			codes[is.Code]++
			r, _ := ruleOf(is.Code)
			broken = broken || r.rank == rules[jsonSyntax].rank
		}
		if broken && o.Format != NDJSON {
			assert.Less(t, rep.Bytes, int64(len(data)), f.name) // it stopped there
		} else {
			assert.Equal(t, int64(len(data)), rep.Bytes, f.name)
		}
		if f.expected == "valid" {
			for _, is := range rep.Issues {
				// That a Bundle has entries is the door's policy, not FHIR's.
				if is.Severity == Error && is.Code != "bundle-no-entries" {
					t.Errorf("%s: %+v", f.name, is)
				}
			}
		}
		for _, rule := range f.rules {
			code := ours[rule]
			if code == "" {
				continue
			}
			judged[rule]++
			_, skip := elsewhere[f.name+" "+rule]
			found := codes[code] > 0 || rule == "json-empty-arr" && codes["bundle-no-entries"] > 0
			if found {
				agreed[rule]++
			}
			assert.NotEqual(t, skip, found, "%s: %s, found %v", f.name, rule, codes)
		}
	}
	for rule := range judged {
		t.Logf("%s: %d of %d", rule, agreed[rule], judged[rule])
	}
}
