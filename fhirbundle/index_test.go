package fhirbundle

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// entryStream is a transaction of n entries, each of which is made when it is
// read.
func entryStream(n int, entry func(b []byte, i int) []byte) io.Reader {
	next := 0
	buf := []byte(`{"resourceType":"Bundle","type":"transaction","entry":[`)
	return readFunc(func(p []byte) (int, error) {
		for len(buf) < len(p) && next < n {
			buf = entry(buf, next)
			if next++; next == n {
				buf = append(buf, `]}`...)
			} else {
				buf = append(buf, ',')
			}
		}
		if len(buf) == 0 {
			return 0, io.EOF
		}
		k := copy(p, buf)
		buf = append(buf[:0], buf[k:]...)
		return k, nil
	})
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// putEntry is a PUT of a resource with a fullUrl, which refers to another entry.
func putEntry(b []byte, i, refersTo int) []byte {
	return fmt.Appendf(b, `{"fullUrl":"urn:uuid:%08x-0000-4000-8000-000000000000","resource":{"resourceType":"Patient","id":"p%d","link":[{"other":{"reference":"urn:uuid:%08x-0000-4000-8000-000000000000"}}]},"request":{"method":"PUT","url":"Patient/p%d"}}`, i, i, refersTo, i)
}

// TestMillionEntries: the default limit is enough to compare everything in a transaction
// of a million entries, in less than 200 MB.
func TestMillionEntries(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short, and this takes seconds")
	}
	const n = 1_000_000
	runtime.GC() // of what other tests left
	r := must(NewReader(entryStream(n, func(b []byte, i int) []byte { return putEntry(b, i, max(i-1, 0)) }), &Options{Level: LevelStrict}))
	var peak uint64
	for i := 0; ; i++ {
		_, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if i%20_000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse+m.StackInuse)
		}
	}
	t.Logf("%d MB at most", peak>>20)
	assert.Less(t, peak, uint64(200<<20))
	assert.Empty(t, r.Report().Issues)
	assert.Equal(t, int64(n), r.Report().Entries)
}

// TestIndexIsBounded: entries that do not fit are not compared. One finding says so, at
// the first of them, and no finding is wrong.
func TestIndexIsBounded(t *testing.T) {
	const n = 3000
	for _, c := range []struct {
		name    string
		entry   func(b []byte, i int) []byte
		enough  int // bytes
		missing []string
	}{
		{"fullUrls and identities", func(b []byte, i int) []byte { return putEntry(b, i, i) }, 2 * 2 * 8192 * slotBytes, nil},
		{"references to later entries", func(b []byte, i int) []byte { return putEntry(b, i, (i+1)%n) }, 3*8192*slotBytes + 4096*unresolvedBytes, nil},
		{"unresolved references", func(b []byte, i int) []byte { return putEntry(b, i, n+i) }, 3*16384*slotBytes + 4096*unresolvedBytes, []string{"ref-urn"}},
	} {
		for _, max := range []int{1, 1000, 20_000, 100_000, c.enough} {
			rep, err := Validate(entryStream(n, c.entry), &Options{Level: LevelStrict, MaxIndexBytes: max})
			require.NoError(t, err)
			codes := map[string]int{}
			for _, is := range rep.Issues {
				codes[is.Code]++
				assert.Equal(t, SeverityWarning, is.Severity, "%s, %d: %+v", c.name, max, is)
			}
			if max < c.enough {
				assert.Equal(t, map[string]int{"not-checked": 1}, codes, "%s, %d", c.name, max)
				require.NotEmpty(t, rep.Issues)
				assert.Contains(t, rep.Issues[0].Message, fmt.Sprintf("Entry %d and the entries after it", *rep.Issues[0].Entry))
				continue
			}
			assert.Zero(t, codes["not-checked"], "%s, %d", c.name, max)
			for _, code := range c.missing {
				assert.Positive(t, codes[code], c.name)
			}
			assert.Len(t, codes, len(c.missing), "%s: %v", c.name, codes)
		}
	}
}

// TestIndexKeepsWhatItHas: what was recorded before the limit is still compared.
func TestIndexKeepsWhatItHas(t *testing.T) {
	entry := func(b []byte, i int) []byte { return putEntry(b, i%2990, i%2990) }
	rep, err := Validate(entryStream(3000, entry), &Options{MaxIndexBytes: 20_000})
	require.NoError(t, err)
	codes := map[string]int{}
	for _, is := range rep.Issues {
		codes[is.Code]++
	}
	assert.Equal(t, map[string]int{"not-checked": 1, "bdl-7": 10, "tx-duplicate-identity": 10}, codes)
}

// TestIndexOfReset: Reset forgets the previous payload.
func TestIndexOfReset(t *testing.T) {
	nested := `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"` + uuid1 + `","resource":` + patient + `}]}`
	entry := `{"resource":` + nested + `,"request":{"method":"POST","url":"Bundle"}}`
	rep := must(ValidateBytes([]byte(tx(strings.Split(strings.Repeat(entry+"\n", 20), "\n")[:20]...)), &Options{Level: LevelStrict}))
	assert.Empty(t, rep.Issues)
}
