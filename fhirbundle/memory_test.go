package fhirbundle

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allocated returns how many bytes f allocates, including those it frees again.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// checkAllocated limits the allocations for a payload that may have an issue on every
// line.
func checkAllocated(t testing.TB, data []byte, f func()) {
	t.Helper()
	const atAll, perByte = 4 << 20, 2000
	if got := allocated(f); got > atAll+perByte*uint64(len(data)) {
		require.Failf(t, "too much memory", "%d bytes are allocated for a payload of %d", got, len(data))
	}
}

// shownCode is the code of the error that a report shows, or "".
func shownCode(rep *Report) string {
	var invalid *InvalidError
	if errors.As(rep.Err(), &invalid) {
		return invalid.First.Code
	}
	return ""
}

// TestHostile: documents made to be expensive are checked correctly, in memory
// proportional to their size or to what must be held. BenchmarkHostile measures time.
func TestHostile(t *testing.T) {
	size := 4 << 20
	if testing.Short() {
		size = 1 << 20
	}
	const atAll = 2 << 20
	for _, h := range hostile {
		data := h.make(size)
		var rep *Report
		var took time.Duration
		got := allocated(func() {
			start := time.Now()
			var err error
			rep, err = Validate(struct{ io.Reader }{bytes.NewReader(data)}, nil)
			took = time.Since(start)
			assert.NoError(t, err)
		})
		t.Logf("%-46s %8.1f MB/s %6.2f bytes allocated for each", h.name, float64(len(data))/1e6/took.Seconds(), float64(got)/float64(len(data)))
		assert.Equal(t, h.code, shownCode(rep), h.name)
		assert.LessOrEqual(t, len(rep.Issues), DefaultMaxIssues)
		assert.Less(t, got, uint64(atAll+h.each*len(data)), h.name)
		assert.Equal(t, rep, must(ValidateBytes(data, nil)), h.name)
	}
}

// series is a reader of a text between a beginning and an end, made of numbered parts
// that are not held in memory.
type series struct {
	head, tail string
	part       func(b []byte, i int) []byte
	n          int // of parts

	i    int
	text []byte // left to be read
	buf  []byte
}

func (s *series) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		if len(s.text) == 0 {
			switch s.buf = s.buf[:0]; {
			case s.i == 0:
				s.buf = append(s.buf, s.head...)
			case s.i <= s.n:
				s.buf = s.part(s.buf, s.i-1)
			case s.i == s.n+1:
				s.buf = append(s.buf, s.tail...)
			case n == 0:
				return 0, io.EOF
			default:
				return n, nil
			}
			s.i++
			s.text = s.buf
		}
		k := copy(b[n:], s.text)
		s.text = s.text[k:]
		n += k
	}
	return n, nil
}

func repeated(text string) func([]byte, int) []byte {
	return func(b []byte, _ int) []byte { return append(b, text...) }
}

// numbered replaces each # in a text by a number of nine digits.
func numbered(text string) func([]byte, int) []byte {
	return func(b []byte, i int) []byte {
		for _, c := range []byte(text) {
			if c != '#' {
				b = append(b, c)
				continue
			}
			for unit := 100_000_000; unit > 0; unit /= 10 {
				b = append(b, '0'+byte(i/unit%10))
			}
		}
		return b
	}
}

// TestHuge: a million of everything, and a hundred million bytes of everything that may
// be long.
func TestHuge(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short, and this takes seconds")
	}
	const million, mib = 1_000_000, 1 << 20
	inBundle := func(typ, tail string, n int, part func([]byte, int) []byte) *series {
		return &series{head: `{"resourceType":"Bundle","type":"` + typ + `","entry":[`, part: part, n: n, tail: tail + "]}"}
	}
	basic := `{"resource":{"resourceType":"Basic"}}`
	head := `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Basic","x":`
	kilo := strings.Repeat("0123456789", 100)
	wide := Options{MaxStringBytes: 200 * mib, MaxEntryBytes: 200 * mib}
	narrow := Options{MaxIndexBytes: 1 * mib}
	for _, c := range []struct {
		name    string
		src     io.Reader
		o       Options
		most    uint64 // MiB allocated in all
		code    string
		entries int64
	}{
		{"a million keys", &series{head: head + "{", part: numbered(`"k#":1,`), n: million, tail: `"k":1}}}]}`}, Options{}, 300, "", 1},
		{"more keys than the limit", &series{head: head + "{", part: numbered(`"k#":1,`), n: 2 * million, tail: `"k":1}}}]}`}, Options{}, 300, "json-members", 0},
		{"a string of 100 MB", &series{head: head + `"`, part: repeated(kilo), n: 100_000, tail: `"}}]}`}, wide, 700, "", 1},
		{"a string of 100 MB beyond the limit", &series{head: head + `"`, part: repeated(kilo), n: 100_000, tail: `"}}]}`}, Options{}, 300, "json-entry-length", 0},
		{"a string of 40 MB beyond the limit", &series{head: head + `"`, part: repeated(kilo), n: 40_000, tail: `"}}]}`}, Options{MaxStringBytes: 32 << 20}, 300, "json-string-length", 0},
		{"a number of 60 MB", &series{head: head, part: repeated(kilo[1:]), n: 60_000, tail: `}}]}`}, Options{}, 300, "", 1},
		{"ten million entries of {}", inBundle("batch", "{}", 10*million, repeated("{},")), Options{}, 2, "entry-resource", 10*million + 1},
		{"ten million entries of {}, not one listed", inBundle("batch", "{}", 10*million, repeated("{},")), Options{MaxIssues: 1}, 2, "entry-resource", 10*million + 1},
		{"a million entries of types", inBundle("collection", basic, million, func(b []byte, i int) []byte {
			return append(madeUpType(append(b, `{"resource":{"resourceType":"`...), i), `"}},`...)
		}), Options{}, 8, "", million + 1},
		{"a million fullUrls", inBundle("collection", basic, million, numbered(`{"fullUrl":"http://a.b/Basic/#","resource":{"resourceType":"Basic","id":"#"}},`)), Options{}, 300, "", million + 1},
		{"a million fullUrls, little memory", inBundle("collection", basic, million, numbered(`{"fullUrl":"http://a.b/Basic/#","resource":{"resourceType":"Basic","id":"#"}},`)), narrow, 8, "", million + 1},
		{"a million changes, little memory", inBundle("transaction", post(patient), million, numbered(`{"resource":{"resourceType":"Basic","id":"#"},"request":{"method":"PUT","url":"Basic/#"}},`)), narrow, 8, "", million + 1},
		{"a million references, little memory", inBundle("collection", basic, million, numbered(`{"resource":{"resourceType":"Basic","x":{"reference":"urn:uuid:00000000-0000-4000-8000-000#"}}},`)), narrow, 8, "", million + 1},
	} {
		var rep *Report
		got := allocated(func() {
			var err error
			rep, err = Validate(c.src, &c.o)
			assert.NoError(t, err)
		})
		t.Logf("%-46s %6.1f MiB allocated in all", c.name, float64(got)/mib)
		assert.Equal(t, c.code, shownCode(rep), c.name)
		assert.Equal(t, c.entries, rep.Entries, c.name)
		assert.Less(t, got, c.most*mib, c.name)
		assert.LessOrEqual(t, len(rep.ResourceCounts), 3)
	}
}
