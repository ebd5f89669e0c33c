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
	name, kind, expected, level, version string
	rules                                []string
	data                                 []byte
}

func (f corpusFile) options() *Options {
	o := &Options{Types: []string{}}
	if f.version != "-" { // the version does not matter
		o.Version = Version(f.version)
	}
	if f.kind == "ndjson" {
		o.Format = FormatNDJSON
	}
	return o
}

// corpus returns every document of the corpus. The test is skipped if there is none.
func corpus(t testing.TB) []corpusFile {
	t.Helper()
	files := corpusFiles(t)
	if files == nil {
		t.Skip("SKIPPED: there is no ../shared/corpus beside the checkout; .github/CONTRIBUTING.md (The corpus) says how to get it")
	}
	return files
}

// corpusFiles is corpus for tests that work without it: it may return nil.
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
		f := corpusFile{name: col[0], kind: col[4], expected: col[5], level: col[7], version: col[3], data: data}
		for _, r := range strings.FieldsFunc(col[6], func(c rune) bool { return c == ',' || c == ' ' || c == '+' }) {
			r = strings.TrimPrefix(r, "also:")
			r, _, _ = strings.Cut(r, ":")
			f.rules = append(f.rules, r)
		}
		files = append(files, f)
	}
	require.Greater(t, len(files), 600)
	return files
}

// TestJSONTestSuite: 188 must fail and 95 must pass, except the two with a duplicate
// name.
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
	"json-syntax":     "json-syntax",
	"json-utf8":       "json-utf8",
	"json-dup":        "json-dup",
	"json-surrogate":  "json-surrogate",
	"json-depth":      "json-depth",
	"json-bom":        "json-bom",
	"json-null":       "fhir-json-null",
	"json-empty-arr":  "fhir-json-empty-array",
	"json-empty-obj":  "fhir-json-empty-object",
	"json-empty-str":  "fhir-json-empty-string",
	"array-align":     "fhir-json-array-length",
	"no-resourceType": "fhir-resource-type",
	"id-format":       "fhir-id",
	"fu-abs":          "fu-abs",
	"fu-id":           "fu-id",
	"fu-type":         "fu-type",
	"fu-missing":      "fu-missing",
	"tx-body-missing": "entry-resource",
	"tx-dup":          "tx-duplicate-identity",
	"tx-url-id":       "tx-url-id",
	"tx-put-no-id":    "tx-put-no-id",
	"ref-1":           "ref-1",
	"ref-conditional": "ref-conditional",
	"ref-urn":         "ref-urn",
}

// elsewhere are rows whose rule this package can't check, and why.
var elsewhere = map[string]string{
	"invalid/fhir-test-cases__r4__patient-hs-1.json json-null":    "the null that is one too many makes _given longer than given: fhir-json-array-length",
	"invalid/fhir-test-cases__r4__bundle-with-no-type.json bdl-3": "without a type, bundle-type is the finding",
}

// mislabelled are rows that are wrongly called valid, with the words of the
// specification.
var mislabelled = map[string]map[string]int{
	"valid/npm-hl7-fhir-r4-examples__r4__Bundle-xds.json":   ifNoneExistSays,
	"valid/npm-hl7-fhir-r4b-examples__r4b__Bundle-xds.json": ifNoneExistSays,
	"valid/npm-hl7-fhir-r5-examples__r5__Bundle-xds.json":   ifNoneExistSays,

	// "The status SHALL start with a 3 digit HTTP code" (Bundle.entry.response.status):
	// one of them is DELETE.
	"valid/npm-hl7-fhir-r4-examples__r4__Bundle-bundle-response.json":   {"response-status": 1},
	"valid/npm-hl7-fhir-r4b-examples__r4b__Bundle-bundle-response.json": {"response-status": 1},
	"valid/npm-hl7-fhir-r5-examples__r5__Bundle-bundle-response.json":   {"response-status": 1},

	// Of an OperationOutcome in a searchset: "it SHALL NOT include any issues with a
	// fatal or error severity, and it SHALL be marked with a Bundle.entry.search.mode of
	// outcome" (R4, http.html#search).
	"valid/fhir-test-cases__r4__bundle-id-search-1.json": {"search-outcome": 1, "search-severity": 1},

	// "Except for transactions and batches, each entry in a Bundle must have a fullUrl"
	// (R4, bundle.html#bundle-unique).
	"valid/fhir__r4__retagging_test_terminologies.json": {"fu-missing": 7},
}

// ifNoneExistSays: it holds the type and a question mark.
var ifNoneExistSays = map[string]int{"tx-if-none-exist": 1}

// structural are rows that only the definitions of resources can check.
var structural = map[string]string{
	"invalid/hapi-fhir-jpaserver-starter__r4__tests-numer-EXM104_FHIR3-bundle.json": "json-type: a string where R4 defines a CodeableConcept",
}

// codeOf is the code of this package for a rule of the manifest, or "".
func codeOf(rule string) string {
	if strings.HasPrefix(rule, "bdl-") {
		return rule
	}
	return ours[rule]
}

// TestCorpus checks every document at LevelStrict, in its version of FHIR, with all
// Bundle types accepted. Valid documents have no error; invalid ones have one, unless
// only the definitions of resources show it; and each rule of the manifest that this
// package has is found.
func TestCorpus(t *testing.T) {
	verdicts := map[string][2]int{} // by level: rows, and those that agree
	judged, agreed := map[string]int{}, map[string]int{}
	for _, f := range corpus(t) {
		if f.level == "json-raw" {
			continue
		}
		o := f.options()
		o.Level, o.MaxIssues = LevelStrict, 10000
		data := f.data
		if !strings.HasPrefix(f.kind, "Bundle") && f.kind != "ndjson" {
			// One resource: a line.
			o.Format = FormatNDJSON
			data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\n"), nil), []byte("\r"), nil)
		}
		rep, err := Validate(bytes.NewReader(data), o)
		require.NoError(t, err, f.name)
		codes, broken, invalid := map[string]int{}, false, false
		for _, is := range rep.Issues {
			codes[is.Code]++
			r, _ := ruleOf(is.Code)
			broken = broken || r.rank == rules[jsonSyntax].rank
			// That a Bundle has entries is the door's policy, not FHIR's.
			invalid = invalid || is.Severity == SeverityError && is.Code != "bundle-no-entries"
		}
		if broken && o.Format != FormatNDJSON {
			assert.Less(t, rep.Bytes, int64(len(data)), f.name) // it stopped there
		} else {
			assert.Equal(t, int64(len(data)), rep.Bytes, f.name)
		}
		wrong := mislabelled[f.name]
		if wrong != nil {
			assert.Equal(t, wrong, codes, f.name)
		}
		if (f.expected == "valid" || f.expected == "invalid") && f.level != "structure" && structural[f.name] == "" && wrong == nil {
			v := verdicts[f.level]
			v[0]++
			if assert.Equal(t, f.expected == "invalid", invalid, "%s: %v", f.name, codes) {
				v[1]++
			}
			verdicts[f.level] = v
		}
		for _, rule := range f.rules {
			code := codeOf(rule)
			if code == "" {
				continue
			}
			judged[rule]++
			_, skip := elsewhere[f.name+" "+rule]
			found := codes[code] > 0
			if found {
				agreed[rule]++
			}
			assert.NotEqual(t, skip, found, "%s: %s, found %v", f.name, rule, codes)
		}
	}
	for level, v := range verdicts {
		t.Logf("level %q: %d of %d verdicts", level, v[1], v[0])
	}
	for rule := range judged {
		t.Logf("%s: %d of %d", rule, agreed[rule], judged[rule])
	}
}
