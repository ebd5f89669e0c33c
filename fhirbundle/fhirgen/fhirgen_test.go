package fhirgen_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

type resource = map[string]any

type bundle struct {
	ResourceType string
	ID           string
	Type         string
	Timestamp    string
	Identifier   resource
	Entry        []struct {
		FullURL  string
		Resource json.RawMessage
		Request  *struct{ Method, URL string }
	}
}

var (
	bundleTypes = []string{"transaction", "batch", "collection", "message", "document"}
	uuidV4      = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
)

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func ndjson(t testing.TB, opts *fhirgen.Options, size int64) ([]byte, int64) {
	var b bytes.Buffer
	lines, err := fhirgen.New(opts).WriteNDJSON(&b, size)
	require.NoError(t, err)
	return b.Bytes(), lines
}

// The digests change when the data does: then, and only then, write new ones.
func TestGolden(t *testing.T) {
	compact := fhirgen.New(&fhirgen.Options{Seed: 1})
	pretty := fhirgen.New(&fhirgen.Options{Seed: 1, Indent: true})
	lines, _ := ndjson(t, &fhirgen.Options{Seed: 7}, 1<<20)
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"transaction": {compact.AppendBundle(nil, "transaction", 300), "146009a9cb968973afd9729a93e06e297c5096877823af370fc23a687ab6efbe"},
		"batch":       {pretty.AppendBundle(nil, "batch", 300), "89f24f24fd9ff189a4d4ed44bae47e4ba45307990bdd37d103e85f15796c6918"},
		"ndjson":      {lines, "db8e456dd59b45c1be9c1ce5764a10251ffb46ca9c778b5465af1ac383c593d7"},
	} {
		require.Equal(t, c.want, digest(c.got), name)
	}
}

func TestSameCallsSameBytes(t *testing.T) {
	make := func(seed uint64) []byte {
		g := fhirgen.New(&fhirgen.Options{Seed: seed})
		b := g.AppendBundle(nil, "message", 50)
		b = g.AppendResource(b, "Claim")
		b, _ = g.AppendPatient(b)
		return g.AppendBundle(b, "batch", 10)
	}
	require.Equal(t, make(0), make(0))
	require.NotEqual(t, make(0), make(1))
}

func TestBundles(t *testing.T) {
	for _, typ := range bundleTypes {
		for _, n := range []int{1, 2, 3, 4, 5, 20, 333, 3000} {
			for _, indent := range []bool{false, true} {
				if n == 3000 && (indent || typ != "transaction") {
					continue // enough with one that large
				}
				g := fhirgen.New(&fhirgen.Options{Seed: uint64(n), Indent: indent})
				raw := g.AppendBundle([]byte("kept"), typ, n)
				require.Equal(t, "kept", string(raw[:4]))
				checkBundle(t, raw[4:], typ, n)
			}
		}
	}
}

func checkBundle(t *testing.T, raw []byte, typ string, n int) {
	t.Helper()
	var b bundle
	require.NoError(t, json.Unmarshal(raw, &b))
	require.Equal(t, "Bundle", b.ResourceType)
	require.Equal(t, typ, b.Type)
	require.Regexp(t, uuidV4, b.ID)
	require.Len(t, b.Entry, n)
	require.Equal(t, typ == "document", b.Identifier != nil)

	known := map[string]bool{}
	var types []string
	for i, e := range b.Entry {
		var r resource
		require.NoError(t, json.Unmarshal(e.Resource, &r))
		name, id := r["resourceType"].(string), r["id"].(string)
		require.Regexp(t, uuidV4, id)
		types = append(types, name)
		self := "urn:uuid:" + id
		if typ == "batch" {
			self = name + "/" + id
			require.Equal(t, "https://fhir.example.org/r4/"+self, e.FullURL)
		} else {
			require.Equal(t, self, e.FullURL)
		}
		require.False(t, known[self], "entry %d: an id twice", i)
		known[self] = true
		switch typ {
		case "transaction":
			require.Equal(t, "POST "+name, e.Request.Method+" "+e.Request.URL)
		case "batch":
			require.Equal(t, "PUT "+name+"/"+id, e.Request.Method+" "+e.Request.URL)
		default:
			require.Nil(t, e.Request)
		}
	}
	head := []string{"Patient", "Organization", "Practitioner", "Encounter"}
	switch typ {
	case "message":
		head = append([]string{"MessageHeader"}, head...)
	case "document":
		head = append([]string{"Composition"}, head...)
	}
	m := min(n, len(head))
	require.Equal(t, head[:m], types[:m])
	for _, e := range b.Entry {
		var r resource
		require.NoError(t, json.Unmarshal(e.Resource, &r))
		checkReferences(t, r, known)
	}
}

// checkReferences looks every reference up, those to contained resources too.
func checkReferences(t *testing.T, r resource, known map[string]bool) {
	t.Helper()
	inside := map[string]bool{}
	if list, ok := r["contained"].([]any); ok {
		for _, c := range list {
			inside["#"+c.(resource)["id"].(string)] = false
		}
	}
	walk(r, func(name string, v any) {
		if name != "reference" {
			return
		}
		to := v.(string)
		if strings.HasPrefix(to, "#") {
			require.Contains(t, inside, to)
			inside[to] = true
			return
		}
		require.True(t, known[to], "%s refers to what is not there", r["resourceType"])
	})
	for id, used := range inside {
		require.True(t, used, "%s contains %s without referring to it", r["resourceType"], id)
	}
}

func walk(v any, visit func(name string, v any)) {
	switch v := v.(type) {
	case resource:
		for name, x := range v {
			visit(name, x)
			walk(x, visit)
		}
	case []any:
		for _, x := range v {
			visit("", x)
			walk(x, visit)
		}
	}
}

func TestEmptyBundle(t *testing.T) {
	g := fhirgen.New(nil)
	for _, typ := range bundleTypes {
		for _, n := range []int{0, -1} {
			raw := g.AppendBundle(nil, typ, n)
			require.True(t, json.Valid(raw))
			require.NotContains(t, string(raw), "entry")
		}
	}
}

func TestOddBundleType(t *testing.T) {
	for typ, want := range map[string]string{
		"searchset": "searchset", "": "", "a\"b\\c\n": "a\"b\\c\n", "ü": "ü", "🙂": "\ufffd", "\xff": "\ufffd",
	} {
		var b bundle
		require.NoError(t, json.Unmarshal(fhirgen.New(nil).AppendBundle(nil, typ, 2), &b))
		require.Equal(t, want, b.Type)
		require.Nil(t, b.Entry[1].Request)
	}
}

// Each line is one resource; a patient's lines come together, Patient first,
// and refer only to one another.
func TestNDJSON(t *testing.T) {
	const size = 3 << 20
	raw, lines := ndjson(t, &fhirgen.Options{Seed: 3}, size)
	require.GreaterOrEqual(t, len(raw), size)
	require.Less(t, len(raw), size+1<<20)
	require.EqualValues(t, bytes.Count(raw, []byte("\n")), lines)
	require.True(t, bytes.HasSuffix(raw, []byte("}\n")))

	var of []resource
	check := func() {
		known := map[string]bool{}
		for _, r := range of {
			known[r["resourceType"].(string)+"/"+r["id"].(string)] = true
		}
		for _, r := range of {
			checkReferences(t, r, known)
		}
	}
	patients := 0
	for s := bufio.NewScanner(bytes.NewReader(raw)); s.Scan(); {
		var r resource
		require.NoError(t, json.Unmarshal(s.Bytes(), &r))
		require.Regexp(t, uuidV4, r["id"])
		if r["resourceType"] == "Patient" {
			patients++
			check()
			of = nil
		}
		of = append(of, r)
	}
	check()
	require.Greater(t, patients, 5)
	require.InDelta(t, 120, float64(lines)/float64(patients), 30)
}

func TestNDJSONNothing(t *testing.T) {
	for _, size := range []int64{0, -5} {
		raw, lines := ndjson(t, nil, size)
		require.Empty(t, raw)
		require.Zero(t, lines)
		rest, err := io.ReadAll(fhirgen.New(nil).Reader(size))
		require.NoError(t, err)
		require.Empty(t, rest)
	}
}

func TestReaderGivesTheSameBytes(t *testing.T) {
	want, _ := ndjson(t, &fhirgen.Options{Seed: 5}, 600_000)
	got, err := io.ReadAll(struct{ io.Reader }{fhirgen.New(&fhirgen.Options{Seed: 5}).Reader(600_000)})
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))

	var b bytes.Buffer
	r := fhirgen.New(&fhirgen.Options{Seed: 5}).Reader(600_000)
	_, err = io.CopyN(&b, r, 1000)
	require.NoError(t, err)
	n, err := r.(io.WriterTo).WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, len(want)-1000, n)
	require.True(t, bytes.Equal(want, b.Bytes()))

	require.NoError(t, iotest.TestReader(fhirgen.New(&fhirgen.Options{Seed: 5}).Reader(600_000), want))
}

func TestWriteError(t *testing.T) {
	full := errors.New("full")
	_, err := fhirgen.New(nil).WriteNDJSON(failing{full}, 1)
	require.ErrorIs(t, err, full)
	_, err = fhirgen.New(nil).Reader(1).(io.WriterTo).WriteTo(failing{full})
	require.ErrorIs(t, err, full)
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestEveryType(t *testing.T) {
	types := fhirgen.Types()
	require.Len(t, types, 14)
	for _, typ := range types {
		g := fhirgen.New(&fhirgen.Options{Seed: 11})
		for range 100 {
			raw := g.AppendResource(nil, typ)
			require.NotContains(t, string(raw), "\n")
			require.True(t, utf8.Valid(raw))
			var r resource
			require.NoError(t, json.Unmarshal(raw, &r), typ)
			require.Equal(t, typ, r["resourceType"])
			checkFHIRJSON(t, r)
			checkRequired(t, r)
			if typ != "MessageHeader" {
				require.Greater(t, len(raw), 900, typ)
			}
			require.Less(t, len(raw), 4096, typ)
		}
	}
	require.Equal(t, "x", string(fhirgen.New(nil).AppendResource([]byte("x"), "Nothing")))
}

// checkFHIRJSON checks the JSON format's own rules: no null, nothing empty.
func checkFHIRJSON(t *testing.T, r resource) {
	t.Helper()
	walk(r, func(name string, v any) {
		require.NotNil(t, v, name)
		switch v := v.(type) {
		case string:
			require.NotEmpty(t, v, name)
			if name == "div" {
				require.Regexp(t, `^<div xmlns="http://www.w3.org/1999/xhtml">[\s\S]*</div>$`, v)
			}
		case resource:
			require.NotEmpty(t, v, name)
		case []any:
			require.NotEmpty(t, v, name)
		}
	})
}

// checkRequired checks the elements that R4 requires of each type.
func checkRequired(t *testing.T, r resource) {
	t.Helper()
	required := map[string]string{
		"Encounter": "status class", "Condition": "subject", "Observation": "status code",
		"DiagnosticReport": "status code", "Procedure": "status subject",
		"Immunization":         "status vaccineCode patient occurrenceDateTime",
		"MedicationRequest":    "status intent subject",
		"Claim":                "status type use patient created provider priority insurance",
		"ExplanationOfBenefit": "status type use patient created insurer provider outcome insurance",
		"MessageHeader":        "eventCoding source", "Composition": "status type date author title",
	}
	for _, name := range strings.Fields(required[r["resourceType"].(string)]) {
		require.Contains(t, r, name, r["resourceType"])
	}
}

func TestProportionsAndSize(t *testing.T) {
	raw, lines := ndjson(t, &fhirgen.Options{Seed: 2}, 8<<20)
	count := map[string]int{}
	for s := bufio.NewScanner(bytes.NewReader(raw)); s.Scan(); {
		var r struct{ ResourceType string }
		require.NoError(t, json.Unmarshal(s.Bytes(), &r))
		count[r.ResourceType]++
	}
	for typ, percent := range map[string][2]float64{
		"Observation": {30, 40}, "Claim": {11, 17}, "ExplanationOfBenefit": {8, 13}, "Encounter": {8, 13},
		"DiagnosticReport": {7, 12}, "Procedure": {8, 13}, "MedicationRequest": {2.5, 5.5},
		"Condition": {2.5, 6}, "Immunization": {1, 4}, "Patient": {0.5, 1.2},
		"Organization": {0.5, 1.5}, "Practitioner": {0.5, 1.5},
	} {
		share := 100 * float64(count[typ]) / float64(lines)
		require.GreaterOrEqual(t, share, percent[0], typ)
		require.LessOrEqual(t, share, percent[1], typ)
	}
	require.Len(t, count, 12)
	mean := float64(len(raw)) / float64(lines)
	require.Greater(t, mean, 1200.0)
	require.Less(t, mean, 2500.0)
}

// The awkward parts must be there, or benchmarks measure something easier.
func TestAwkwardJSON(t *testing.T) {
	raw, _ := ndjson(t, nil, 2<<20)
	for _, part := range []string{
		`\"`, `\n`, `\\`, `\/`, `\t`, `\r\n`, `\u003cdiv`, `\ud83d\ude42`, "🙂", "ë", "検",
		`"_birthDate"`, `"contained":[`, `{"url":"detail","extension":[`,
	} {
		require.True(t, strings.Contains(string(raw), part), part)
	}
	require.True(t, regexp.MustCompile(`"value":\d+\.\d*0,`).Match(raw), "decimals with trailing zeros")
	require.True(t, utf8.Valid(raw))
}

func TestDates(t *testing.T) {
	date := regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{3})?(Z|[+-]\d\d:\d\d))?$`)
	raw, _ := ndjson(t, nil, 3<<20)
	for s := bufio.NewScanner(bytes.NewReader(raw)); s.Scan(); {
		var r resource
		require.NoError(t, json.Unmarshal(s.Bytes(), &r))
		walk(r, func(name string, v any) {
			switch name {
			case "start", "end", "lastUpdated", "birthDate", "issued", "created", "effectiveDateTime", "valueDateTime", "onsetDateTime":
				require.Regexp(t, date, v, name)
				if name == "valueDateTime" {
					require.Equal(t, r["birthDate"], v.(string)[:10])
				}
			}
		})
	}
}
