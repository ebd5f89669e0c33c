package fhirbundle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// TestWindows: results do not depend on block sizes.
func TestWindows(t *testing.T) {
	check := func(name string, data []byte, o *Options) {
		want := look(must(NewBytesReader(data, o)))
		for _, step := range []int{1, 2, 3, 7, 64, 1000, scan.Block} {
			if len(data) > 100_000 && step < 64 {
				continue
			}
			require.Equal(t, want, look(stepped(bytes.NewReader(data), o, step)), "%s through a window of %d", name, step)
		}
		require.Equal(t, want, look(must(NewReader(iotest.OneByteReader(bytes.NewReader(data)), o))), name)
		require.Equal(t, want, look(must(NewReader(iotest.DataErrReader(bytes.NewReader(data)), o))), name)
	}
	check("generated", fhirgen.New(nil).AppendBundle(nil, "message", 30), nil)
	check("indented", fhirgen.New(&fhirgen.Options{Indent: true}).AppendBundle(nil, "message", 300), &Options{Level: LevelStrict})
	for _, h := range hostile {
		check(h.name, h.make(3000), nil)
	}
	for _, f := range corpus(t) {
		check(f.name, f.data, f.options())
	}
}

// TestGenerated: generated data is valid at LevelStrict, and counted.
func TestGenerated(t *testing.T) {
	for _, typ := range []string{"transaction", "batch", "collection", "message"} {
		rep := must(ValidateBytes(fhirgen.New(nil).AppendBundle(nil, typ, 500), &Options{Level: LevelStrict}))
		require.NoError(t, rep.Err(), typ)
		assert.Empty(t, rep.Issues)
		assert.Equal(t, int64(500), rep.Entries)
		assert.Equal(t, int64(500), rep.Resources)
		var sum int64
		for _, n := range rep.ResourceCounts {
			sum += n
		}
		assert.Equal(t, int64(500), sum)
		assert.Equal(t, typ, rep.BundleType)
	}
}

// TestNoAllocationPerEntry: ten times as many entries or lines cause no more
// allocations.
func TestNoAllocationPerEntry(t *testing.T) {
	var nd [2]bytes.Buffer
	for i, size := range []int64{200_000, 2_000_000} {
		_, err := fhirgen.New(nil).WriteNDJSON(&nd[i], size)
		require.NoError(t, err)
	}
	g := fhirgen.New(nil)
	for _, c := range []struct {
		name       string
		format     Format
		small, big []byte
	}{
		{"Bundle", FormatBundle, g.AppendBundle(nil, "transaction", 100), g.AppendBundle(nil, "transaction", 1000)},
		{"NDJSON", FormatNDJSON, nd[0].Bytes(), nd[1].Bytes()},
	} {
		o := &Options{Format: c.format}
		src := bytes.NewReader(nil)
		measure := func(data []byte) float64 {
			return testing.AllocsPerRun(5, func() {
				src.Reset(data)
				readAll(t, must(NewReader(src, o)))
			})
		}
		small, big := measure(c.small), measure(c.big)
		t.Logf("%s: %v and %v allocations", c.name, small, big)
		assert.LessOrEqual(t, big, small+5, c.name) // a longer name stack, a longer buffer, more room for ids
		assert.LessOrEqual(t, big, 40.0, c.name)    // a dozen of them are the names of types
	}
}

// pattern is a reader of an endless text between a beginning and an end.
type pattern struct {
	head, body, tail string
	left             int64 // of bodies
	text             string
}

func (p *pattern) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		if p.text == "" {
			switch {
			case p.head != "":
				p.text, p.head = p.head, ""
			case p.left > 0:
				p.text = p.body
				p.left--
			case p.tail != "":
				p.text, p.tail = p.tail, ""
			default:
				if n == 0 {
					return 0, io.EOF
				}
				return n, nil
			}
		}
		k := copy(b[n:], p.text)
		p.text = p.text[k:]
		n += k
	}
	return n, nil
}

// TestMemory: reading a payload of 64 MB allocates little.
func TestMemory(t *testing.T) {
	entry := post(`{"resourceType":"Patient","id":"p1","text":"`+strings.Repeat("x", 2000)+`"}`) + ",\n"
	const size = 64 << 20
	n := int64(size / len(entry))
	line := `{"resourceType":"Patient","text":"` + strings.Repeat("x", 2000) + "\"}\n"
	for _, c := range []struct {
		name string
		src  io.Reader
		o    Options
		most uint64
		err  string // of the report
	}{
		{"Bundle, type last", &pattern{head: `{"entry":[`, body: entry, left: n, tail: post(patient) + `],"type":"batch","resourceType":"Bundle"}`}, Options{}, 1 << 20, ""},
		{"NDJSON", &pattern{body: line, left: n}, Options{Format: FormatNDJSON}, 1 << 20, ""},
		{"NDJSON with escapes", &pattern{body: `{"resourceTyp\u0065":"P\u0061tient","id":"` + strings.Repeat(`\u0061`, 60) + "\"}\n", left: 100_000}, Options{Format: FormatNDJSON}, 4 << 20, ""},
		{"one endless line", &pattern{body: strings.Repeat("x", 4096), left: size / 4096}, Options{Format: FormatNDJSON, MaxEntryBytes: 1 << 20}, 8 << 20, ""},
		{"one endless entry", &pattern{head: `{"entry":["`, body: strings.Repeat("x", 4096), left: size / 4096}, Options{MaxEntryBytes: 1 << 20}, 8 << 20, "longer than the limit of 1048576 bytes"},
		{"endless names of the Bundle", &names{}, Options{MaxEntryBytes: 1 << 20}, 24 << 20, "more members than the limit"},
		{"endless long names of the Bundle", &names{more: strings.Repeat("n", 1000)}, Options{MaxEntryBytes: 1 << 20}, 8 << 20, "longer than the limit of 1048576 bytes"},
		{"endless white space", &pattern{head: `{`, body: strings.Repeat(" \n", 2048), left: size / 4096, tail: `"resourceType":"Bundle","type":"batch","entry":[` + post(patient) + `]}`}, Options{}, 1 << 20, ""},
		{"entries without a resource, type last", &pattern{head: `{"entry":[`, body: `{"request":{"method":"GET","url":"A"}},`, left: 1 << 20, tail: `{}],"type":"message","resourceType":"Bundle"}`}, Options{}, 2 << 20, "missing 'resource' field"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rep, err := Validate(c.src, &c.o)
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		if c.err == "" {
			assert.NoError(t, rep.Err(), c.name)
		} else {
			assert.ErrorContains(t, rep.Err(), c.err, c.name)
		}
		got := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %d KiB allocated in all", c.name, got>>10)
		assert.Less(t, got, c.most, c.name)
	}
}

// names is a Bundle with an endless number of different members.
type names struct {
	n    int
	more string // of each name
	text string
}

func (p *names) Read(b []byte) (int, error) {
	if p.text == "" {
		switch p.n++; {
		case p.n == 1:
			p.text = "{"
		case p.n > 1<<20:
			return 0, io.EOF
		default:
			p.text = `"` + p.more + strings.Repeat("n", p.n%7) + time.Duration(p.n).String() + `":1,`
		}
	}
	k := copy(b, p.text)
	p.text = p.text[k:]
	return k, nil
}

// TestNamesOfOneObject: a duplicate name is found in objects of every size, wherever it
// is, and no other is.
func TestNamesOfOneObject(t *testing.T) {
	for n := 1; n < 200; n++ {
		object := "{" + many(n) + "}"
		require.NoError(t, CheckJSON([]byte(object), nil), n)
		for _, k := range []int{0, n / 2, n - 1} {
			again := `,"n` + strings.Split(object, `"n`)[k+1][:strings.IndexByte(strings.Split(object, `"n`)[k+1], '"')] + `":2}`
			doc := strings.TrimSuffix(object, "}") + again
			require.ErrorIs(t, CheckJSON([]byte(doc), nil), ErrInvalid, doc)
			// Not if an object lies between.
			doc = `{"a":` + object + `,"b":{"c":` + object + `},` + object[1:]
			require.NoError(t, CheckJSON([]byte(doc), nil), doc)
		}
	}
}

// TestNestedNames: the table of a wide object is separate from those of the objects in
// it, and still valid after them.
func TestNestedNames(t *testing.T) {
	for _, doc := range []string{
		`{` + many(100) + `,"a":{"n1":1,"n2":2,"b":{` + many(100) + `,"c":{"n1":1}},"n3":{}},"d":[{"n5":1},{"n5":1}]}`,
		`{` + many(40) + `,"\u0061":{"\u0061":{"a":{` + many(50) + `,"\u0062":1,"c":2}}},"\u0062":1,"c":1}`,
	} {
		require.NoError(t, CheckJSON([]byte(doc), nil), doc)
	}
	for _, doc := range []string{
		`{` + many(100) + `,"a":{"n1":1,"n1":2}}`,
		`{` + many(100) + `,"a":{"n1":1,"b":{` + many(100) + `},"n1":2}}`,
		`{` + many(100) + `,"a":{` + many(100) + `},"n99":2}`,
		`{` + many(100) + `,"a":{` + many(100) + `},"a":2}`,
		`{` + many(100) + `,"\u0061":{"\u0061":{"a":{` + many(50) + `}}},"\u0061":2}`,
		`{"\u0061":{"\u0061":1,"b":{"\u0063":{}}},"a":2}`,
	} {
		require.ErrorIs(t, CheckJSON([]byte(doc), nil), ErrInvalid, doc)
	}
}

// TestForeseenHashes: names constructed to have the same hash are distinguished, and
// cost no more than others.
func TestForeseenHashes(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	printable := func(w uint64) bool {
		for range 8 {
			if c := byte(w); c < ' ' || c > '~' || c == '"' || c == '\\' {
				return false
			}
			w >>= 8
		}
		return true
	}
	word := func() uint64 {
		var w uint64
		for range 8 {
			w = w<<8 | uint64('a'+r.IntN(26))
		}
		return w
	}
	// hash = chain(chain(w0, w1), 0) is the same wherever chain(w0, w1) is.
	target := scan.Chain(word(), word())
	made := map[uint64]bool{}
	var b bytes.Buffer
	b.WriteByte('{')
	for len(made) < 5000 {
		w0 := word()
		w1 := scan.Chain(w0, target) // x with chain(w0, x) == target
		if !printable(w1) || made[w0] {
			continue
		}
		made[w0] = true
		text := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, w0), w1)
		require.Equal(t, scan.Chain(target, 0), scan.HashName(text))
		fmt.Fprintf(&b, "%q:1,", text)
		if n := len(made); n == 5 || n == 31 || n == 32 || n == 33 || n == 5000 {
			require.NoError(t, CheckJSON([]byte(b.String()+`"last":1}`), nil))
			require.ErrorIs(t, CheckJSON(fmt.Appendf(nil, "%s%q:2}", b.String(), text), nil), ErrInvalid)
		}
	}
}

// TestManyNames: the number of names in open objects is limited.
func TestManyNames(t *testing.T) {
	o := &Options{MaxEntryBytes: 1 << 20}
	limit := 1 << 16
	assert.NoError(t, CheckJSON([]byte("{"+many(limit)+"}"), o))
	for _, doc := range []string{
		"{" + many(limit+1) + "}",
		`{` + many(limit/2) + `,"a":{` + many(limit/2) + `,"x":1}}`,
	} {
		var invalid *InvalidError
		require.ErrorAs(t, CheckJSON([]byte(doc), o), &invalid)
		assert.Equal(t, "json-members", invalid.First.Code)
	}
	rep := must(ValidateBytes([]byte("{"+many(limit+1)+"}"), o))
	assert.Equal(t, "json-members", rep.Issues[0].Code)
}
