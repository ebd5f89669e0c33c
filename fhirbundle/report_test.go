package fhirbundle

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFirstIsListed: the error that is shown is always listed, however late it was
// found.
func TestFirstIsListed(t *testing.T) {
	bad := slices.Repeat([]string{`{"request":{"method":"POST","url":"Basic"}}`}, 300)
	empty := slices.Repeat([]string{post(`{"resourceType":"Basic","x":[],"y":[]}`)}, 300)
	for _, c := range []struct {
		name, doc string
		level     Level
		first     string
	}{
		{"type", bundleOf("nonsense", false, bad...), LevelLenient, "Unsupported bundle type: a name that FHIR does not define"},
		{"resourceType", `{"type":"batch","entry":[` + tx(bad...)[len(tx())-2:], LevelLenient, "Expected resourceType 'Bundle', got no resourceType"},
		{"JSON", tx(bad...) + "]", LevelLenient, "Invalid JSON: something follows the end of the document, at line 1, byte offset 13256"},
		{"an entry after findings", tx(append(empty, bad[0])...), LevelStrict, "Entry 300 missing 'resource' field"},
		{"an entry after warnings", tx(append(empty, bad[0])...), LevelLenient, "Entry 300 missing 'resource' field"},
	} {
		rep := must(ValidateBytes([]byte(c.doc), &Options{Level: c.level, MaxIssues: 10}))
		var invalid *InvalidError
		require.ErrorAs(t, rep.Err(), &invalid, c.name)
		assert.Equal(t, c.first, invalid.First.Message, c.name)
		assert.Len(t, rep.Issues, 10, c.name)
		assert.Contains(t, rep.Issues, invalid.First, c.name)
		all := must(ValidateBytes([]byte(c.doc), &Options{Level: c.level, MaxIssues: 10_000}))
		assert.Zero(t, all.MoreIssues)
		assert.Equal(t, int64(len(all.Issues)), rep.MoreIssues+10, c.name)
	}
}

// TestFirstEntry: the error of the first entry is shown, even if the Bundle's type comes
// last.
func TestFirstEntry(t *testing.T) {
	get := `{"request":{"method":"GET","url":"Basic"}}`
	for _, c := range []struct {
		typ, first string
		entries    []string
	}{
		{"collection", "Entry 0 missing 'resource' field", []string{get, "7"}},
		{"collection", "Entry 0 missing 'resource' field", []string{get, `{"x":1}`}},
		{"collection", "Entry 1 missing 'resource' field", []string{`{"resource":` + patient + `}`, get, `{"resource":1}`}},
		{"transaction", "Entry 1 is not an object", []string{get, "7", `{"x":1}`}},
	} {
		for _, typeLast := range []bool{false, true} {
			for _, o := range []Options{{}, {MaxIssues: 1}} {
				rep := must(ValidateBytes([]byte(bundleOf(c.typ, typeLast, c.entries...)), &o))
				assert.EqualError(t, rep.Err(), c.first, "type last: %v", typeLast)
				if o.MaxIssues == 1 {
					require.Len(t, rep.Issues, 1)
					assert.Equal(t, c.first, rep.Issues[0].Message)
				}
			}
		}
	}
}

// TestRejectedBeyondTheList: an entry knows of its errors even if the report has no room
// for them.
func TestRejectedBeyondTheList(t *testing.T) {
	bad := `{"request":{"method":"POST","url":"Basic"},"x":[]}` // an error, and then a warning
	r := must(NewBytesReader([]byte(tx(bad, bad, post(patient))), &Options{MaxIssues: 1}))
	for i, want := range []bool{true, true, false} {
		e, err := r.Next()
		require.NoError(t, err)
		assert.Equal(t, want, e.Rejected(), i)
	}
}

// TestLateOrder: deferred findings are listed in the order of the entries.
func TestLateOrder(t *testing.T) {
	var entries []string
	for range 4 {
		entries = append(entries, `{"response":{"status":"1"}}`, `{"request":{"method":"GET","url":"Basic"}}`, `{"request":{"method":"PUT","url":"Basic"}}`)
	}
	for _, most := range []int{5, 100} {
		rep := must(ValidateBytes([]byte(bundleOf("message", true, entries...)), &Options{MaxIssues: most}))
		for i, is := range rep.Issues[:min(most, len(entries))] {
			assert.Equal(t, "entry-resource", is.Code)
			assert.Equal(t, int64(i), *is.Entry)
		}
	}
}

// TestLostFindings: findings beyond the limit in one value are counted, wherever the
// value is.
func TestLostFindings(t *testing.T) {
	x := `[[],[],[],[],[]]`
	for format, doc := range map[Format]string{
		FormatNDJSON: `{"resourceType":"Basic","x":` + x + `}`,
		FormatBundle: `{"x":` + x + `,` + tx(post(patient))[1:],
	} {
		rep := must(ValidateBytes([]byte(doc), &Options{Format: format, MaxIssues: 3}))
		assert.Len(t, rep.Issues, 3, format)
		assert.Equal(t, int64(2), rep.MoreIssues, format)
	}
}

// TestLongList: displacing warnings keeps the order of all other issues.
func TestLongList(t *testing.T) {
	const n = 60_000
	warn, bad := post(`{"resourceType":"Basic","x":[]}`), `{"request":{"method":"POST","url":"Basic"}}`
	entries := append(slices.Repeat([]string{warn}, n), slices.Repeat([]string{bad, warn}, n/2)...)
	rep := must(ValidateBytes([]byte(tx(entries...)), &Options{MaxIssues: n}))
	require.Len(t, rep.Issues, n)
	assert.Equal(t, int64(n), rep.MoreIssues)
	assert.True(t, slices.IsSortedFunc(rep.Issues, func(a, b Issue) int { return cmp.Compare(*a.Entry, *b.Entry) }))
	assert.Equal(t, SeverityWarning, rep.Issues[n/2-1].Severity)
	assert.Equal(t, SeverityError, rep.Issues[n/2].Severity)
}

// onlyErrors removes everything but errors.
func onlyErrors(s seen) seen {
	drop := func(issues []Issue) []Issue {
		issues = slices.DeleteFunc(slices.Clone(issues), func(is Issue) bool { return is.Severity != SeverityError })
		if len(issues) == 0 {
			return nil
		}
		return issues
	}
	for i := range s.Entries {
		s.Entries[i].Issues = drop(s.Entries[i].Issues)
	}
	s.Report.Issues, s.Report.MoreIssues = drop(s.Report.Issues), 0
	return s
}

// TestBasic: LevelBasic finds the errors of LevelLenient and nothing else, and yields
// the same entries.
func TestBasic(t *testing.T) {
	docs := corpusFiles(t)
	for _, c := range bundleRuleCases {
		for _, last := range []bool{false, true} {
			docs = append(docs, corpusFile{name: c.name, data: []byte(bundleWith(c.typ, c.members, last, c.entries...))})
		}
	}
	for _, f := range docs {
		o := f.options()
		o.MaxIssues = 100_000
		want := onlyErrors(look(must(NewBytesReader(f.data, o))))
		o.Level = LevelBasic
		got := look(must(NewBytesReader(f.data, o)))
		require.Equal(t, want, got, f.name)
	}
}

// TestSeverities: Options.Severities applies at every level at which the rule is
// checked, whether it is found at once, deferred, by the scanner, or in a nested Bundle.
// Fixed rules stay errors.
func TestSeverities(t *testing.T) {
	const broken = `{"resourceType":"Bundle","entry":[{"fullUrl":"x","resource":{"resourceType":"Patient","a":[],"b":null,"contained":[{"id":"a b"}]}},{},7],"total":1,"type":"batch"}`
	nested := tx(post(broken))
	always := map[string]bool{"json-syntax": true}
	for _, level := range []Level{LevelLenient, LevelStrict} {
		for _, doc := range []string{broken, nested, broken + "x"} {
			plain := must(ValidateBytes([]byte(doc), &Options{Level: level}))
			require.NotEmpty(t, plain.Issues)
			for _, is := range plain.Issues {
				for _, severity := range []Severity{SeverityError, SeverityWarning, SeverityInformation, SeverityNone} {
					o := &Options{Level: level, Severities: map[string]Severity{is.Code: severity}}
					if always[is.Code] && severity != SeverityError {
						require.ErrorIs(t, o.Check(), ErrOptions, "%s as %s", is.Code, severity)
						continue
					}
					var want []Issue
					for _, p := range plain.Issues {
						if p.Code == is.Code {
							if severity == SeverityNone {
								continue
							}
							p.Severity = severity
						}
						want = append(want, p)
					}
					got := must(ValidateBytes([]byte(doc), o))
					require.Equal(t, want, got.Issues, "%s as %s", is.Code, severity)
					require.Zero(t, got.MoreIssues)
				}
			}
		}
	}
}

// TestSilentRulesTakeNoRoom: rules that are off do not displace other findings.
func TestSilentRulesTakeNoRoom(t *testing.T) {
	doc := `{"resourceType":"Patient","a":[` + strings.Repeat(`"",`, 500) + `"x"],"b":[]}`
	rep := must(ValidateBytes([]byte(doc), &Options{Format: FormatNDJSON, MaxIssues: 3, Severities: map[string]Severity{"fhir-json-empty-string": SeverityNone}}))
	assert.Equal(t, []string{"fhir-json-empty-array"}, codes(rep.Issues))
	assert.Zero(t, rep.MoreIssues)
}

// TestContainedWithoutType: only a line itself needs a resourceType at every level, not
// a resource inside it.
func TestContainedWithoutType(t *testing.T) {
	doc := []byte(`{"resourceType":"Basic","contained":[{"id":"a"}],"x":{"reference":"#a"}}`)
	for _, c := range []struct {
		o    Options
		want []string
	}{
		{Options{}, []string{"fhir-resource-type"}},
		{Options{Level: LevelStrict}, []string{"!fhir-resource-type"}},
		{Options{Severities: map[string]Severity{"fhir-resource-type": SeverityError}}, []string{"!fhir-resource-type"}},
		{Options{Severities: map[string]Severity{"fhir-resource-type": SeverityNone}}, nil},
	} {
		for _, c.o.Format = range []Format{FormatNDJSON, FormatResource} {
			require.Equal(t, c.want, codes(must(ValidateBytes(doc, &c.o)).Issues), c.o)
		}
	}
}
