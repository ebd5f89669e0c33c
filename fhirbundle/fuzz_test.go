package fhirbundle

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// fuzzSeeds are documents to start from; those under testdata/fuzz come on top.
func fuzzSeeds() [][]byte {
	g := fhirgen.New(nil)
	all := [][]byte{
		g.AppendBundle(nil, "transaction", 1),
		append(g.AppendResource(nil, "Patient"), "\n{}\n"...),
		[]byte(tx(post(patient), `{"request":{"method":"GET","url":"A"}}`)),
		[]byte(patient + "\r\n\n" + patient + "\n[1]\n{\n"),
		[]byte("\xef\xbb\xbf{\"resourceType\":\"Bundle\",\"entry\":[{\"fullUrl\":\"http://a/B/1\",\"resource\":{\"resourceType\":\"B\",\"id\":\"2\"}}],\"type\":\"batch\"}"),
		[]byte(`{"a":[null,"\u0061\ud83d\ude00"],"_a":[{"id":"1"},null],"":"","b":{"c":[[]]}}`),
	}
	for _, h := range hostile {
		all = append(all, h.make(200))
	}
	return all
}

func addSeeds(f *testing.F) {
	for _, data := range fuzzSeeds() {
		f.Add(data)
	}
}

var fuzzOptions = []Options{
	{},
	{Level: LevelStrict, Types: []string{}, MaxIssues: 5},
	{MaxDepth: 5, MaxStringBytes: 20, MaxEntryBytes: 100},
	{Format: FormatNDJSON},
	{Level: LevelBasic},
	{Level: LevelStrict, Version: R5, Types: []string{}, MaxIndexBytes: 1000},
	{Format: FormatNDJSON, Level: LevelStrict, MaxDepth: 5, MaxStringBytes: 20, MaxEntryBytes: 100},
}

// FuzzReader: results do not depend on block sizes, and all positions are within the
// document.
func FuzzReader(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for i := range fuzzOptions {
			o := &fuzzOptions[i]
			want := look(must(NewBytesReader(data, o)))
			require.LessOrEqual(t, want.Report.Bytes, int64(len(data)))
			last := int64(0)
			for k, e := range want.Entries {
				require.GreaterOrEqual(t, e.Offset, last)
				last = e.Offset + e.Size
				require.LessOrEqual(t, last, want.Positions[k].Offset)
				require.True(t, bytes.HasPrefix(data[e.ResourceOffset:], e.Resource))
				require.Equal(t, int64(bytes.Count(data[:e.Offset], []byte("\n"))+1), e.Line())
			}
			for _, is := range want.Report.Issues {
				require.LessOrEqual(t, is.Offset, int64(len(data)))
				require.Equal(t, int64(bytes.Count(data[:is.Offset], []byte("\n"))+1), max(is.Line, 1), "%+v", is)
			}
			for _, step := range []int{1, 5, scan.Block} {
				require.Equal(t, want, look(stepped(bytes.NewReader(data), o, step)))
			}
		}
	})
}

// FuzzResume: reading resumed at any boundary continues as if it had not stopped, and an
// invented position does no harm.
func FuzzResume(f *testing.F) {
	for i, data := range fuzzSeeds() {
		f.Add(data, int64(i*i*i), int64(i), int64(i%3))
	}
	f.Add([]byte(`,{}]}`), int64(-1), int64(-1), int64(-1))
	f.Add([]byte(`,{}]}`), int64(1)<<62, int64(1)<<62, int64(1)<<62)
	f.Fuzz(func(t *testing.T, data []byte, offset, entries, lines int64) {
		for i := range fuzzOptions {
			o := &fuzzOptions[i]
			checkResume(t, "fuzz", data, o)
			at := Position{Offset: offset, Entries: entries, Lines: lines}
			first, err := ResumeReader(bytes.NewReader(data), at, o)
			if offset < 0 || entries < 0 || lines < 0 {
				require.ErrorIs(t, err, ErrOptions)
				continue
			}
			require.NoError(t, err)
			want := look(first)
			r := must(ResumeReader(bytes.NewReader(data), at, o))
			r.input.Step = 1
			require.Equal(t, want, look(r))
		}
	})
}

// FuzzCheckJSON compares with jsontext.
func FuzzCheckJSON(f *testing.F) {
	addSeeds(f)
	dec := jsontext.NewDecoder(bytes.NewReader(nil))
	f.Fuzz(func(t *testing.T, data []byte) { compare(t, dec, data, maxSpans) })
}

// FuzzValidate: with any options, a payload in memory and a stream get the same report,
// within its limits and those of memory, and a report that was stored gives the same
// error.
func FuzzValidate(f *testing.F) {
	for i, data := range fuzzSeeds() {
		f.Add(data, uint8(i), "R5", rules[1+i%(len(rules)-1)].Code, "none", 0, 0, 0, i, i*10)
	}
	f.Add([]byte(tx(post(patient))), uint8(0xff), "R4B", "fhir-id", "information", -1, 1<<30, 1, 1, -5)
	f.Add([]byte(tx(post(patient))), uint8(0), "", "json-dup", "warning", 3, 3, 300, 0, 1)
	f.Fuzz(func(t *testing.T, data []byte, flags uint8, version, code, severity string, depth, text, entry, issues, index int) {
		o := Options{
			Version: Version(version), Severities: map[string]Severity{code: Severity(severity)},
			MaxDepth: depth, MaxStringBytes: text, MaxEntryBytes: entry, MaxIssues: issues, MaxIndexBytes: index,
		}
		if flags&1 != 0 {
			o.Format = FormatNDJSON
		}
		if flags&2 != 0 {
			o.Level = LevelStrict
		}
		if flags&4 != 0 {
			o.Types = []string{}
		}
		if _, err := ValidateBytes(nil, &o); err != nil {
			require.ErrorIs(t, err, ErrOptions)
			return
		}
		most := DefaultMaxIssues
		if issues > 0 {
			most = issues
		}
		var want *Report
		checkAllocated(t, data, func() { want = must(ValidateBytes(data, &o)) })
		require.LessOrEqual(t, len(want.Issues), most)
		require.True(t, want.MoreIssues == 0 || len(want.Issues) == most, "%d issues of %d", len(want.Issues), most)
		for _, is := range want.Issues {
			r, ok := ruleOf(is.Code)
			require.True(t, ok, is.Code)
			require.NotEmpty(t, is.Message)
			switch s := Severity(severity); {
			case r.Fixed:
				require.Equal(t, SeverityError, is.Severity)
			case is.Code == code && slices.Contains([]Severity{SeverityError, SeverityWarning, SeverityInformation, SeverityNone}, s):
				require.Equal(t, s, is.Severity) // of None there is none
			}
		}
		var got *Report
		checkAllocated(t, data, func() {
			var err error
			got, err = Validate(struct{ io.Reader }{bytes.NewReader(data)}, &o)
			assert.NoError(t, err)
		})
		require.Equal(t, want, got)

		raw, err := json.Marshal(want)
		require.NoError(t, err)
		var stored Report
		require.NoError(t, json.Unmarshal(raw, &stored))
		require.Equal(t, want.Err() == nil, stored.Err() == nil)
		if want.Err() != nil {
			require.EqualError(t, stored.Err(), want.Err().Error())
		}
		require.Equal(t, want.Issues, NewOutcome(want.Issues).Issues())
	})
}

// FuzzOutcome: issues with any text survive a round trip through NewOutcome.
func FuzzOutcome(f *testing.F) {
	f.Add("entry 3, line 2, byte offset 1")
	f.Add("line -1")
	f.Add("entry 3, entry 4, line 9223372036854775807, byte offset 9223372036854775808")
	f.Fuzz(func(t *testing.T, text string) {
		o := OperationOutcome{Issue: []OutcomeIssue{{Severity: "error", Code: "value", Diagnostics: text}}}
		issues := o.Issues()
		require.Len(t, issues, 1)
		again := NewOutcome(issues).Issues()
		require.Equal(t, issues, again)
	})
}

// FuzzOutcomeJSON: the issues of any OperationOutcome make one that is valid in FHIR's
// JSON format and survives a round trip.
func FuzzOutcomeJSON(f *testing.F) {
	f.Add([]byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"fatal","code":"processing","diagnostics":"entry 1"}]}`))
	f.Add([]byte(`{"issue":[{"code":"value","details":{"text":"a","coding":[{"system":"` + CodeSystem + `","code":"fhir-id"},{"code":"x"}]},"expression":["Patient.id","b"],"diagnostics":"line 3, byte offset 17"}]}`))
	f.Add([]byte(`{"issue":[{},{"details":{}},{"code":"no-issues"},{"details":{"coding":[{"system":"` + CodeSystem + `"}]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var o OperationOutcome
		if json.Unmarshal(data, &o) != nil {
			return
		}
		issues := o.Issues()
		require.LessOrEqual(t, len(issues), len(o.Issue))
		made := NewOutcome(issues)
		require.Equal(t, issues, made.Issues())
		raw, err := json.Marshal(made)
		require.NoError(t, err)
		require.NoError(t, CheckJSON(raw, nil), string(raw))
		var back OperationOutcome
		require.NoError(t, json.Unmarshal(raw, &back))
		require.Equal(t, issues, back.Issues())
	})
}

// FuzzVersionOf: only the three known versions are recognized.
func FuzzVersionOf(f *testing.F) {
	for _, s := range []string{
		"application/fhir+json; fhirVersion=4.0", `application/fhir+json;FHIRVERSION="4.3.0";charset=utf-8`, "a/b; fhirVersion=5.0.0-ballot",
		"application/fhir+json", "", ";", "a/b;fhirVersion*=utf-8''5.0", "a/b;fhirVersion*0=5;fhirVersion*1=.0", "a/b; fhirVersion=4.0; fhirVersion=5.0",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, ok := VersionOf(text)
		if !ok {
			require.Empty(t, v)
			return
		}
		number := map[Version]string{R4: "4.0", R4B: "4.3", R5: "5.0"}[v]
		require.NotEmpty(t, number, v)
		require.Contains(t, strings.ToLower(text), "fhirversion")
		again, ok := VersionOf("application/fhir+json; fhirVersion=" + number)
		require.True(t, ok)
		require.Equal(t, v, again)
	})
}
