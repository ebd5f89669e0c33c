package fhirbundle

import (
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLinesTwice: a line whose resource has the type, id and version of an earlier one
// is a warning, at its id; so is a reference that only an entry of a Bundle could
// resolve.
func TestLinesTwice(t *testing.T) {
	lines := []string{
		`{"resourceType":"Patient","id":"1"}`,
		`{"resourceType":"Basic","id":"1"}`,
		`{"resourceType":"Patient"}`,
		`{"resourceType":"Patient"}`,
		`{"meta":{"versionId":"1"},"resourceType":"Patient","id":"1"}`,
		`{"resourceType":"Patient","id":"1","meta":{"versionId":"2"}}`,
		`{"id":"1", "resourceType":"Patient"}`,
		`{"resourceType":"P\u0061tient","\u0069d":"\u0031","meta":{"versionId":"2"}}`,
		`{"resourceType":"Patient","id":"a b"}`,
		`{"resourceType":"Patient","id":"a b"}`,
		`{"resourceType":"Onething","id":"1"}`,
		`{"resourceType":"Another","id":"1"}`,
		`{"resourceType":"Patient","id":"2","a":[{"reference":"Patient/1"},{"reference":"urn:uuid:6d1f7a54-3b1e-4a55-9c0f-52a7b1f0c001"},{"reference":"urn:oid:1.2"}]}`,
		`{"resourceType":"Patient","id":"3","a":[{"reference":"urn:uuid:6d1f7a54-3b1e-4a55-9c0f-52a7b1f0c001"}]}`,
		`{"resourceType":"Patient","id":"4"}`,
	}
	doc := strings.Join(lines, "\n")
	for _, level := range []Level{LevelLenient, LevelStrict} {
		got := eachStep(t, doc, &Options{Format: FormatNDJSON, Level: level, Severities: map[string]Severity{"fhir-id": SeverityNone, "fhir-unknown-type": SeverityNone}})
		assert.Zero(t, got.Report.Rejected)
		var found []string
		for _, is := range got.Report.Issues {
			assert.Equal(t, SeverityWarning, is.Severity)
			found = append(found, fmt.Sprint(is.Code, " ", *is.Entry, " ", is.Line, " ", is.Path))
			line := doc[is.Offset:]
			switch is.Code {
			case "ndjson-duplicate":
				assert.Contains(t, []string{`"1"`, `"\u0031"`}, line[:strings.IndexAny(line, ",}")])
			case "ref-urn":
				assert.True(t, strings.HasPrefix(line, `"urn:uuid:`), line)
			}
		}
		assert.Equal(t, []string{
			"ndjson-duplicate 6 7 Resource.id",
			"ndjson-duplicate 7 8 Resource.id",
			"ref-urn 12 13 Resource",
			"ref-urn 13 14 Resource",
		}, found)
	}
	assert.Empty(t, must(ValidateBytes([]byte(doc), &Options{Format: FormatNDJSON, Level: LevelBasic})).Issues)

	// What is before the place at which reading goes on is not compared.
	doc += "\n" + lines[14]
	at := strings.Index(doc, lines[6])
	r := must(ResumeReader(strings.NewReader(doc[at:]), Position{Offset: int64(at), Entries: 6, Lines: 6}, &Options{Format: FormatNDJSON, Severities: map[string]Severity{"fhir-id": SeverityNone, "fhir-unknown-type": SeverityNone}}))
	for _, err := range r.All() {
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"ref-urn", "ref-urn"}, codes(r.Report().Issues))
}

// manyLines returns n lines with ids, one in ten of them a duplicate.
func manyLines(n int) string {
	var b strings.Builder
	for i := range n {
		id := i
		if i%10 == 9 {
			id = i * 7919 % i
			if id%10 == 9 {
				id--
			}
		}
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"p%d"}`+"\n", id)
	}
	return b.String()
}

// TestLinesTwiceAreBounded: lines that do not fit are not compared, and one finding says
// so. Earlier lines still are, and no finding is wrong.
func TestLinesTwiceAreBounded(t *testing.T) {
	const n = 20_000
	doc := manyLines(n)
	for _, most := range []int{1, 1000, 20_000, 300_000, 2_000_000, DefaultMaxIndexBytes} {
		rep := must(ValidateBytes([]byte(doc), &Options{Format: FormatNDJSON, MaxIndexBytes: most, MaxIssues: n}))
		seen := map[string]bool{}
		var twice, unsure []int64
		for _, is := range rep.Issues {
			switch is.Code {
			case "ndjson-duplicate":
				twice = append(twice, *is.Entry)
			case "not-checked":
				unsure = append(unsure, *is.Entry)
			default:
				t.Error(is)
			}
		}
		var want []int64
		for i, line := range strings.Split(strings.TrimSuffix(doc, "\n"), "\n") {
			if seen[line] {
				want = append(want, int64(i))
			}
			seen[line] = true
		}
		if most < 2_000_000 {
			require.Len(t, unsure, 1, most)
			for _, i := range twice {
				assert.True(t, slices.Contains(want, i))
			}
			before := 0
			for _, i := range want {
				if i < unsure[0] {
					before++
				}
			}
			assert.GreaterOrEqual(t, len(twice), before, most)
			continue
		}
		assert.Empty(t, unsure, most)
		assert.Equal(t, want, twice, most)
	}
}

// TestLinesTwiceOfReset: Reset forgets all lines.
func TestLinesTwiceOfReset(t *testing.T) {
	o := &Options{Format: FormatNDJSON, Severities: map[string]Severity{}}
	r := must(NewBytesReader(nil, o))
	for _, n := range []int{100, 20_000, 100} {
		doc := strings.ReplaceAll(manyLines(n), `"p`, `"q`)
		for range 2 {
			r.ResetBytes([]byte(doc))
			for {
				if _, err := r.Next(); err == io.EOF {
					break
				}
			}
			taken := len(r.index.slots)*slotBytes + len(r.lineIDs.slots)*8
			for _, c := range r.lineIDs.chunks {
				taken += cap(c)
			}
			assert.Equal(t, taken, r.budget.taken)
			assert.Equal(t, int64(n/10), int64(len(r.Report().Issues))+r.Report().MoreIssues)
			r.ResetBytes(nil)
			assert.LessOrEqual(t, r.budget.taken, 3*maxKept)
			for _, c := range r.lineIDs.chunks {
				assert.NotContains(t, string(c[:cap(c)]), "q")
			}
		}
	}
}

// TestFingerprints: texts with the same fingerprint are distinguished.
func TestFingerprints(t *testing.T) {
	var d lineIDs
	b := &budget{max: 1 << 20}
	require.False(t, d.add(b, []byte("Patient"), []byte("1"), nil))
	h := maphash.Bytes(d.seed, d.key)
	assert.NotZero(t, *d.find(h, d.key))
	other := append([]byte(nil), d.key...)
	other[len(other)-1] = '2'
	assert.Zero(t, *d.find(h, other))
	assert.True(t, d.add(b, []byte("Patient"), []byte("1"), nil))
	assert.False(t, d.add(b, []byte("Patient"), []byte("1"), []byte("1")))
	assert.False(t, d.add(b, []byte("Patient"), []byte("11"), nil))
}
