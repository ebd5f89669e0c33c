package fhirbundle

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPlacesAcross: findings about references to other entries are at the reference,
// whatever the order of the entries and the Bundle's type.
func TestPlacesAcross(t *testing.T) {
	document := []string{
		`{"fullUrl":"http://a.b/Composition/c","resource":{"resourceType":"Composition","id":"c",` + "\n" + `"subject":{"reference":"Patient/p"},"author":[{"reference":"http://a.b/Patient/p/_history/7"}],` + "\n" + `"section":[{"entry":[{"display":"x","reference":"Patient/gone"}]}]}}`,
		`{"fullUrl":"http://a.b/Patient/p","resource":{"resourceType":"Patient","id":"p","meta":{"versionId":"8"}}}`,
	}
	batch := []string{
		`{"fullUrl":"http://a.b/Patient/1","resource":{"resourceType":"Patient",` + "\n" + `"link":[{"other":{"reference":"Patient/2"}}]},"request":{"method":"POST","url":"Patient"}}`,
		`{"fullUrl":"http://a.b/Patient/2","resource":{"resourceType":"Patient",` + "\n" + `"link":[{"other":{"reference":"http://a.b/Patient/1"}}]},"request":{"method":"POST","url":"Patient"}}`,
	}
	for _, c := range []struct {
		typ     string
		entries []string
		code    string
		at      []string // in their order
		entry   []int64
	}{
		{"document", document, "ref-document", []string{`"http://a.b/Patient/p/_history/7"`, `"Patient/gone"`}, []int64{0, 0}},
		{"batch", batch, "ref-batch", []string{`"http://a.b/Patient/1"}`, `"Patient/2"}`}, []int64{1, 0}},
	} {
		for _, last := range []bool{false, true} {
			doc := bundleWith(c.typ, docHead, last, strings.Join(c.entries, ",\n"))
			got := eachStep(t, doc, &Options{Level: LevelStrict, Types: []string{}})
			require.Len(t, got.Report.Issues, 2, doc)
			at, entry := c.at, c.entry
			if last && c.typ == "batch" { // in the order of the references
				at, entry = []string{at[1], at[0]}, []int64{0, 1}
			}
			for i, is := range got.Report.Issues {
				assert.Equal(t, c.code, is.Code)
				assert.Equal(t, SeverityError, is.Severity)
				assert.Equal(t, strings.Index(doc, at[i]), int(is.Offset), doc)
				assert.Equal(t, strings.Count(doc[:is.Offset], "\n")+1, int(is.Line))
				assert.Equal(t, fmt.Sprintf("Bundle.entry[%d].resource", entry[i]), is.Path)
				assert.Equal(t, entry[i], *is.Entry)
			}
		}
	}
}

// TestAcrossLevels: a SHALL of the specification is an error at LevelStrict, a warning
// at LevelLenient, and not checked at LevelBasic.
func TestAcrossLevels(t *testing.T) {
	doc := []byte(bundleWith("document", docHead, false, `{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Composition","subject":{"reference":"urn:oid:1.3"}}}`))
	for level, want := range map[Level][]string{LevelStrict: {"!ref-document", "ref-urn"}, LevelLenient: {"ref-document", "ref-urn"}, LevelBasic: nil} {
		rep := must(ValidateBytes(doc, &Options{Level: level, Types: []string{}}))
		assert.Equal(t, want, codes(rep.Issues), level)
	}
}

// TestAcrossIsBounded: references that do not fit are not compared. One finding says so
// if it matters for the type of Bundle, and no finding is wrong.
func TestAcrossIsBounded(t *testing.T) {
	const n = 3000
	var refs []string
	for i := range n {
		refs = append(refs, fmt.Sprintf(`{"reference":"http://a.b/Patient/%d"}`, i))
	}
	composition := `{"fullUrl":"http://a.b/Composition/c","resource":{"resourceType":"Composition","id":"c","section":[{"entry":[` + strings.Join(refs, ",") + `]}]}}`
	var patients, created, referring []string
	for i := range n {
		patients = append(patients, fmt.Sprintf(`{"fullUrl":"http://a.b/Patient/%[1]d","resource":{"resourceType":"Patient","id":"%[1]d"}}`, i))
		created = append(created, fmt.Sprintf(`{"fullUrl":"http://a.b/Patient/%d","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}`, i))
		referring = append(referring, fmt.Sprintf(`{"resource":{"resourceType":"Basic","subject":%s},"request":{"method":"POST","url":"Basic"}}`, refs[i]))
	}
	for _, c := range []struct {
		name, typ string
		entries   []string
		want      map[string]int // where there is room
	}{
		{"a document that has all", "document", append([]string{composition}, patients...), map[string]int{}},
		{"a document that lacks one", "document", append([]string{composition}, patients[1:]...), map[string]int{"ref-document": 1}},
		{"a batch that refers to what it created", "batch", append(append([]string{}, created...), referring...), map[string]int{"ref-batch": n}},
		{"a batch that refers to what it will create", "batch", append(append([]string{}, referring...), created...), map[string]int{"ref-batch": n}},
		{"a transaction", "transaction", append(append([]string{}, referring...), created...), map[string]int{}},
	} {
		for _, last := range []bool{false, true} {
			doc := []byte(bundleWith(c.typ, docHead, last, c.entries...))
			for _, most := range []int{1, 20_000, 200_000, 400_000, 4 << 20} {
				r := must(NewBytesReader(doc, &Options{Types: []string{}, MaxIndexBytes: most, MaxIssues: 2 * n}))
				readAll(t, r)
				rep := r.Report()
				taken := r.index.bytes() + r.cross.created.bytes() + r.cross.required.bytes() + cap(r.cross.required.refs)*requiredRefBytes
				assert.Equal(t, taken, r.budget.taken)
				assert.LessOrEqual(t, taken, max(most, 3*firstSlots*slotBytes))
				found := map[string]int{}
				for _, is := range rep.Issues {
					found[is.Code]++
				}
				name := fmt.Sprint(c.name, ", type last ", last, ", ", most, ": ", found)
				if found["not-checked"] == 0 {
					assert.Equal(t, c.want, found, name)
					continue
				}
				assert.Less(t, most, 4<<20, name)
				assert.Equal(t, 1, found["not-checked"], name)
				delete(found, "not-checked")
				for code, count := range found {
					assert.LessOrEqual(t, count, c.want[code], name)
				}
			}
		}
	}
}

// TestAcrossOfResumed: a resumed reader checks nothing that depends on earlier entries.
func TestAcrossOfResumed(t *testing.T) {
	for _, doc := range []string{
		bundleWith("batch", "", false, `{"fullUrl":"http://a.b/Patient/1","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}`,
			`{"fullUrl":"http://a.b/Patient/2","resource":{"resourceType":"Patient","link":[{"other":{"reference":"Patient/1"}},{"other":{"reference":"Patient/3"}}]},"request":{"method":"POST","url":"Patient"}}`,
			`{"fullUrl":"http://a.b/Patient/3","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}`),
		bundleWith("document", docHead, false, comp, `{"fullUrl":"http://a.b/Composition/d","resource":{"resourceType":"Composition","id":"d","subject":{"reference":"Patient/1"}}}`),
	} {
		first := must(NewBytesReader([]byte(doc), &Options{Types: []string{}}))
		_, err := first.Next()
		require.NoError(t, err)
		at := first.Position()
		r := must(ResumeReader(bytes.NewReader([]byte(doc[at.Offset:])), at, &Options{Level: LevelStrict, Types: []string{}}))
		for {
			if _, err := r.Next(); err != nil {
				require.Equal(t, io.EOF, err)
				break
			}
		}
		assert.Empty(t, r.Report().Issues, doc)
	}
}

// TestLateFactsAreBounded: entries before the Bundle's type take the same memory however
// different they are.
func TestLateFactsAreBounded(t *testing.T) {
	make := func(n int) []byte {
		var b bytes.Buffer
		b.WriteString(`{"resourceType":"Bundle","entry":[`)
		for i := range n {
			pick := func(bit int, text string) string {
				if i>>bit&1 == 0 {
					return ""
				}
				return text
			}
			fmt.Fprintf(&b, `{"resource":{"resourceType":"%s"%s}%s%s%s%s},`,
				[2]string{"Patient", "OperationOutcome"}[i&1], pick(1, `,"a":{"reference":"Patient?x=y"}`),
				pick(2, `,"fullUrl":"urn:oid:1.2"`), pick(3, `,"search":{"mode":"outcome"}`), pick(4, `,"response":{"status":"x"}`),
				pick(5, `,"request":{"method":"PATCH","url":"Basic/1"}`))
		}
		b.WriteString(`{"fullUrl":"http://a.b/Patient/p","resource":{"resourceType":"Patient","id":"p"}}],"type":"collection"}`)
		return b.Bytes()
	}
	o := &Options{MaxIssues: 10}
	few, many := make(1000), make(50_000)
	small := allocated(func() { must(Validate(struct{ io.Reader }{bytes.NewReader(few)}, o)) })
	large := allocated(func() { must(Validate(struct{ io.Reader }{bytes.NewReader(many)}, o)) })
	assert.Less(t, large, small+1<<20)
}
