package fhirbundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// chunks gives data some bytes at a time, and ends with err.
type chunks struct {
	data  []byte
	first int   // how many bytes the first read gives, if not 0
	size  int   // how many the others give; 0: as many as are asked for
	idle  int   // reads that give nothing before each that does
	err   error // io.EOF, or what goes wrong
	join  bool  // err comes together with the last bytes

	waited int
}

func (c *chunks) Read(b []byte) (int, error) {
	if c.waited++; c.waited <= c.idle {
		return 0, nil
	}
	c.waited = 0
	n := len(b)
	if c.size > 0 {
		n = min(n, c.size)
	}
	if c.first > 0 {
		n = min(len(b), c.first)
		c.first = 0
	}
	n = copy(b[:n], c.data)
	c.data = c.data[n:]
	if len(c.data) == 0 && (c.join || n == 0) {
		return n, c.err
	}
	return n, nil
}

// boundaryCase is a payload with everything that the scanner handles in a special way.
type boundaryCase struct {
	name string
	data []byte
	o    Options
}

func boundaryCases() []boundaryCase {
	odd := `{"resourceType":"Patient","id":"a_b","\u0061":"\ud83d\ude00é€😀\n\u00e9","_given":[null,{"id":"x"}],"given":["x",null],` +
		`"n":[-0.0e-10, 1E+5 ,0,10.250],"t":[true,false],"x":null,"e":["",[],{}],"longer than a word or two":{"longer than a word or twp":"longer than a word or two"},` +
		"\"space\" :\r\n\t {\n                \"deep\":[[[{\"er\":1}]]]} }"
	strict := func(o Options) Options {
		o.Level = LevelStrict
		return o
	}
	all := tx(post(odd), `{"fullUrl":"urn:uuid:\u0031","request":{"method":"D\u0045LETE","url":"A\/1"}}`, post(patient)+"\n ", " {\"resource\" : "+patient+" } ")
	lines := "\xef\xbb\xbf" + patient + "\r\n\n \t\r\n" + strings.ReplaceAll(strings.ReplaceAll(odd, "\r", ""), "\n", "") + "\n[1]\n{\"a\":\n\"x\xff\"\n" + patient + patient + "\n  " + patient + " \r"
	wide := `{"resourceType":"Basic",` + many(70) + `,"\u006e3x":1,"n` + strings.Repeat("m", 30) + `":{` + many(40) + `}}`
	cases := []boundaryCase{
		{"generated", fhirgen.New(nil).AppendBundle(nil, "transaction", 1), strict(Options{})},
		{"indented", fhirgen.New(&fhirgen.Options{Indent: true}).AppendBundle(nil, "batch", 1), strict(Options{})},
		{"of everything", []byte("\xef\xbb\xbf" + all + " \n"), strict(Options{})},
		{"type after", []byte(bundleOf("collection", true, post(patient), `{"request":{"method":"GET","url":"A"}}`, `7`, `{"resource":"x"}`)), strict(Options{})},
		{"wide", []byte(tx(post(wide))), strict(Options{})},
		{"lines", []byte(lines), strict(Options{Format: FormatNDJSON})},
		{"long lines", []byte(lines), strict(Options{Format: FormatNDJSON, MaxEntryBytes: 60, MaxStringBytes: 8})},
		{"no Bundle", []byte(` [ 1.5e3 , "x" , {"a":null} ] `), strict(Options{})},
		{"a number", []byte(`-120.340e+15`), Options{}},
		{"a mark and a bit", []byte("\xef\xbb"), Options{}},
		{"nothing", []byte(" \n \t"), Options{}},
	}
	for name, broken := range map[string]string{
		"twice":     tx(post(`{"resourceType":"A","abcdefghij":1,"x":{},"abcdefgh\u0069j":2}`)),
		"surrogate": tx(post(`{"resourceType":"A","x":"0123456789\ud83d\u0041"}`)),
		"UTF-8":     tx(post("{\"resourceType\":\"A\",\"x\":\"0123456789\xe2\x82\x41\"}")),
		"literal":   tx(post(`{"resourceType":"A","x":[true,falsy]}`)),
		"tail":      tx(post(patient)) + "\n ,",
		"cut":       tx(post(patient), post(patient))[:130],
		"wide":      tx(post(strings.Replace(wide, `"n9":`, `"n8":`, 1))),
	} {
		cases = append(cases, boundaryCase{"broken, " + name, []byte(broken), strict(Options{})})
	}
	return cases
}

// sameSeen is a cheaper require.Equal for what readers return.
func sameSeen(t *testing.T, want, got seen, format string, args ...any) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		require.Equal(t, want, got, fmt.Sprintf(format, args...))
	}
}

// TestBoundaries: results do not depend on where a block ends.
func TestBoundaries(t *testing.T) {
	for _, c := range boundaryCases() {
		want := look(must(NewBytesReader(c.data, &c.o)))
		// Blocks that end at one place, and at every multiple of it or thereabouts.
		for k := 1; k <= len(c.data)+1; k++ {
			if testing.Short() && k > 70 && k%7 != 0 {
				continue
			}
			sameSeen(t, want, look(stepped(&chunks{data: c.data, err: io.EOF}, &c.o, k)), "%s, blocks of %d", c.name, k)
		}
		// The first block that is read by default ends at every place in turn.
		every := 1
		if testing.Short() {
			every = 5
		}
		for k := 0; k <= min(len(c.data), scan.FirstBlock); k += every {
			pad := scan.FirstBlock - k
			data := append(bytes.Repeat([]byte(" "), pad), c.data...)
			if bytes.HasPrefix(c.data, bom[:2]) {
				break // it would not stand at the start
			}
			want := look(must(NewBytesReader(data, &c.o)))
			sameSeen(t, want, look(must(NewReader(&chunks{data: data, err: io.EOF, join: k%2 == 0}, &c.o))), "%s, split at %d", c.name, k)
		}
	}
}

// TestSlowSources: results do not depend on how a source returns its bytes.
func TestSlowSources(t *testing.T) {
	for _, c := range boundaryCases() {
		want := look(must(NewBytesReader(c.data, &c.o)))
		for _, size := range []int{1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000} {
			for _, idle := range []int{0, 1, 99} {
				for _, join := range []bool{false, true} {
					sameSeen(t, want, look(must(NewReader(&chunks{data: c.data, size: size, idle: idle, err: io.EOF, join: join}, &c.o))),
						"%s, %d bytes at a time, %d reads without any, end with the last: %v", c.name, size, idle, join)
				}
			}
			sameSeen(t, want, look(stepped(&chunks{data: c.data, size: size, err: io.EOF}, &c.o, 13)), "%s, %d bytes at a time", c.name, size)
		}
		for k := range len(c.data) {
			sameSeen(t, want, look(must(NewReader(&chunks{data: c.data, first: k, err: io.EOF, join: k%2 == 0}, &c.o))), "%s, %d bytes first", c.name, k)
		}
	}
}

// TestSourceFails: an error of the source is returned, wrapped, and never treated as the
// end. The entries before it are those that are returned without it.
func TestSourceFails(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range boundaryCases() {
		every := 1
		if testing.Short() {
			every = 1 + len(c.data)/200
		}
		whole := look(must(NewBytesReader(c.data, &c.o)))
		for k := 0; k <= len(c.data); k += every {
			for _, s := range []chunks{
				{join: true}, {size: 3, join: k%2 == 0}, {size: 64, idle: 2},
			} {
				s.data, s.err = c.data[:k], boom
				step := scan.Block
				if s.size > 0 {
					step = s.size
				}
				r := stepped(&s, &c.o, step)
				got := look(r)
				_, err := r.Next()
				if !errors.Is(err, boom) {
					// Only if it was broken before.
					require.ErrorIs(t, err, ErrInvalid, "%s, an error after %d bytes", c.name, k)
					require.Equal(t, whole.Err, err.Error(), "%s, an error after %d bytes", c.name, k)
					require.Equal(t, whole.Report.Issues, got.Report.Issues)
				} else {
					require.NotErrorIs(t, err, ErrInvalid)
					require.Contains(t, err.Error(), fmt.Sprintf("at byte %d:", k))
				}
				n := len(got.Entries)
				require.LessOrEqual(t, n, len(whole.Entries))
				sameSeen(t, seen{Entries: append([]Entry(nil), whole.Entries[:n]...), Positions: append([]Position(nil), whole.Positions[:n]...)},
					seen{Entries: got.Entries, Positions: got.Positions}, "%s, an error after %d bytes", c.name, k)
			}
		}
	}
}
