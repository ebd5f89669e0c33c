package fhirbundle

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// onlyErrors leaves out of what was seen what is no error.
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

// TestBasic: level Basic finds the errors of level Lenient and nothing else, and
// yields the same entries.
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

// TestSeverities: a rule is reported as the program says, at every level at which
// it is looked for, whether it is found at once, late, by the scanner or inside a
// nested Bundle; what reading can't go on from stays an error.
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

// TestSilentRulesTakeNoRoom: what is not reported does not push out what is.
func TestSilentRulesTakeNoRoom(t *testing.T) {
	doc := `{"resourceType":"Patient","a":[` + strings.Repeat(`"",`, 500) + `"x"],"b":[]}`
	rep := must(ValidateBytes([]byte(doc), &Options{Format: FormatNDJSON, MaxIssues: 3, Severities: map[string]Severity{"fhir-json-empty-string": SeverityNone}}))
	assert.Equal(t, []string{"fhir-json-empty-array"}, codes(rep.Issues))
	assert.Zero(t, rep.MoreIssues)
}

// Only a line itself needs a resourceType at every level, not what its resource contains.
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
