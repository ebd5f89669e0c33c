package fhirbundle

import (
	"bufio"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The fast and the checked scanner are two builds of this package. What holds them
// together is what they tell of the same documents: this test builds its package
// once more with fhirdock_safe, lets that binary read the same mutations, and
// compares every finding (code, severity, place) and every entry.

// flavourFile is the variable with the name of the file to write, for the binary
// that is run by the other one; flavourOf has the number of a mutation to print.
const (
	flavourFile = "FHIRDOCK_TEST_FLAVOUR_FILE"
	flavourOf   = "FHIRDOCK_TEST_FLAVOUR_OF"
)

// toldOf is what a reader tells of a document at each format and version.
func toldOf(doc []byte) string {
	var b strings.Builder
	for _, o := range []Options{
		{Level: Strict, Types: []string{}}, {Level: Strict, Types: []string{}, Version: R5}, {Level: Strict, Format: NDJSON}, {Level: Basic}, {MaxDepth: 9, MaxIssues: 3},
	} {
		s := look(must(NewBytesReader(doc, &o)))
		fmt.Fprintln(&b, o.Level, o.Version, o.Format, s.Err, s.Report.Entries, s.Report.Resources, s.Report.Rejected, s.Report.Bytes, s.Report.MoreIssues)
		for i, e := range s.Entries {
			fmt.Fprintln(&b, i, e.Offset, e.Size, e.ResourceOffset, len(e.Resource), e.Type, string(e.ID), string(e.FullURL), e.Method, string(e.URL), len(e.Request), e.Rejected())
		}
		for _, is := range s.Report.Issues {
			fmt.Fprintln(&b, is.Severity, is.Code, is.Path, is.Line, is.Offset)
		}
	}
	return b.String()
}

// eachMutation calls f with the documents that are compared: all constructs in all
// orders of two, and mutations.
func eachMutation(t testing.TB, f func(i int, doc []byte)) {
	n := 30_000
	if testing.Short() {
		n = 6000
	}
	if s := os.Getenv("FHIRDOCK_MUTATIONS"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(t, err)
	}
	i := 0
	for doc := range orders() {
		f(i, doc)
		i++
	}
	docs := flavourSeeds(t)
	r := rand.New(rand.NewPCG(7, 11))
	for range n {
		f(i, mutate(r, docs))
		i++
	}
}

// constructs are members of a resource of every kind that a scanner remembers
// something of. Where one has a %d, each of its occurrences gets a name of its own.
var constructs = []string{
	`"a%d":"x"`, `"a%d":"\u00e9\n"`, `"a%d":""`, `"a%d":null`, `"a%d":-0.10e+5`, `"a%d":true`, `"\u0061%d":1`, `"é%d":"é"`,
	`"a%d":[]`, `"a%d":{}`, `"a%d":[1,2,3]`, `"a%d":["x","y"]`, `"a%d":[[1,2],[3]]`, `"a%d":[{"b":["x"]},{"c":[1,2]}]`, `"a%d":{"b":{"c":["x","y","z"]}}`,
	`"a%d":["x","y"],"_a%d":[null,{"id":"1"}]`, `"_a%d":[null,{"id":"1"}],"a%d":["x","y"]`, `"_a%d":[{"id":"1"}]`, `"_a%d":{"id":"1"}`, `"_a%d":{"id":"1"},"a%d":"x"`,
	`"a%d":["x",null],"_a%d":[{"id":"1"}]`, `"a%d":["x"],"_a%d":[{"id":"1"},{"id":"2"}]`, `"_a%d":[{"id":"1"},{"id":"2"}],"a%d":["x"]`, `"a%d":"x","_a%d":[{"id":"1"}]`, `"a%d":[null,null],"_a%d":[null,{"id":"1"}]`,
	`"\u005fa%d":[{"id":"1"}],"a%d":["x"]`, `"\u005fa%d":[{"id":"1"}],"\u0061%d":["x","y"]`, `"_a%d":[{"extension":[{"_b":[{"id":"1"}],"b":["x","y"]},{"url":"u"}]},{"id":"1"}],"a%d":["x","y"]`,
	`"a%d":{"_b":[{"id":"1"},null],"b":["x","y"]}`, `"a%d":{"_b":[null,null],"c":[1,2]}`, `"a%d":{"reference":"urn:uuid:9"}`, `"a%d":{"reference":"#x"}`, `"a%d":{"reference":"Patient?x"}`, `"a%d":{"fhir_comments":["c"]}`,
	"\"a%d\" :\n  [ 1 ,\n    2 ]", "\"_a%d\" : [\n {\"id\":\"1\"} ] ,\n \"a%d\":\t[\"x\"]", `"contained":[{"resourceType":"Patient","id":"x"}]`, `"meta":{"versionId":"1"}`, `"id":"p"`, `"id":"a b"`,
}

// orders yields a Bundle for each pair of constructs, with each before, after and
// inside the other, also where an object has a table of names.
func orders() func(yield func([]byte) bool) {
	named := func(c string, n int) string { return strings.ReplaceAll(c, "%d", strconv.Itoa(n)) }
	many := many(wideObject + 8)
	far := `{` + req("DELETE", "Patient/2", strings.Repeat(" ", 300)) + `}` // from the end, where only the checked loop goes
	return func(yield func([]byte) bool) {
		for i, x := range constructs {
			for k, y := range constructs {
				a, b, c := named(x, 1), named(y, 2), named(x, 3)
				for _, members := range []string{
					a + `,` + b, a + `,` + b + `,` + c, `"in":{` + a + `,` + b + `},` + c, `"in":[{` + a + `},{` + b + `}],` + c, b + `,"in":[[{` + a + `}]],` + c,
					`"_in":[{` + a + `},{` + b + `}],"in":["x","y"]`, many + `,` + a + `,` + b,
				} {
					resource := `{"resourceType":"Patient",` + members + `}`
					if (i+k)%2 == 1 {
						resource = `{` + members + `,"resourceType":"Patient"}`
					}
					if !yield([]byte(bundleWith("transaction", "", i%2 == 0, `{"fullUrl":"urn:uuid:9","resource":`+resource+`,`+req("PUT", "Patient/p", "")+`}`, far))) {
						return
					}
				}
			}
		}
	}
}

// flavourSeeds are documents of the rules, of the corpus, and with pairs.
func flavourSeeds(t testing.TB) [][]byte {
	docs := seeds(t)
	for _, c := range bundleRuleCases {
		docs = append(docs, []byte(bundleWith(c.typ, c.members, len(docs)%2 == 0, c.entries...)))
	}
	k := 0
	for doc := range orders() {
		if k++; k%37 == 0 {
			docs = append(docs, doc)
		}
	}
	return docs
}

// TestFlavours: the fast and the checked build tell the same.
func TestFlavours(t *testing.T) {
	if out := os.Getenv(flavourFile); out != "" {
		writeFlavour(t, out)
		return
	}
	if margin == 0 {
		t.Skip("SKIPPED: this is the checked build; the fast one compares")
	}
	if os.Getenv("CGO_ENABLED") == "" {
		t.Setenv("CGO_ENABLED", "0") // no C compiler is needed
	}
	dir := t.TempDir()
	binary, file := filepath.Join(dir, "safe.test"), filepath.Join(dir, "told")
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("SKIPPED: the go tool is not there; the two builds were not compared")
	}
	out, err := exec.Command("go", "test", "-c", "-tags", "fhirdock_safe", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	run := func(env ...string) string {
		cmd := exec.Command(binary, "-test.run=^TestFlavours$", "-test.short="+strconv.FormatBool(testing.Short()))
		cmd.Env = append(os.Environ(), append(env, flavourFile+"="+file)...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	run()
	told, err := os.Open(file)
	require.NoError(t, err)
	defer told.Close()
	lines := bufio.NewScanner(told)
	compared, different := 0, 0
	eachMutation(t, func(i int, doc []byte) {
		require.True(t, lines.Scan(), "the checked build told of %d documents", i)
		compared++
		if lines.Text() == digest(doc) {
			return
		}
		if different++; different <= 3 {
			run(flavourOf + "=" + strconv.Itoa(i))
			safe, err := os.ReadFile(file + ".one")
			require.NoError(t, err)
			t.Errorf("mutation %d, %q\nfast:\n%s\nchecked:\n%s", i, doc, toldOf(doc), safe)
		}
	})
	t.Logf("%d documents, %d told of differently", compared, different)
	require.Zero(t, different, "of %d documents", compared)
}

// writeFlavour is what the checked binary does.
func writeFlavour(t *testing.T, name string) {
	if of := os.Getenv(flavourOf); of != "" {
		eachMutation(t, func(i int, doc []byte) {
			if strconv.Itoa(i) == of {
				require.NoError(t, os.WriteFile(name+".one", []byte(toldOf(doc)), 0o600))
			}
		})
		return
	}
	file, err := os.Create(name)
	require.NoError(t, err)
	w := bufio.NewWriter(file)
	eachMutation(t, func(_ int, doc []byte) { fmt.Fprintln(w, digest(doc)) })
	require.NoError(t, w.Flush())
	require.NoError(t, file.Close())
}

func digest(doc []byte) string {
	h := fnv.New64a()
	h.Write([]byte(toldOf(doc)))
	return strconv.FormatUint(h.Sum64(), 16)
}
