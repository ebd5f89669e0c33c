package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Columns equal those counted in the whole content, however it is split.
func TestColumns(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	pieces := []string{"a", "é", "€", "😀", "\r\n", "\n", "\xff", "\xe2\x82", strings.Repeat("x", 500), strings.Repeat("ü", 300)}
	for round := range 60 {
		var b strings.Builder
		if round%3 == 0 {
			b.WriteString(bom)
		}
		for range r.IntN(600) {
			piece := pieces[r.IntN(len(pieces))]
			if round%4 == 0 && piece[len(piece)-1] == '\n' {
				piece = "z" // one long line
			}
			b.WriteString(piece)
		}
		content := b.String()
		var offsets, want []int64
		for at := 0; at <= len(content); {
			if r.IntN(20) == 0 || at == 0 || at == len(content) {
				offsets = append(offsets, int64(at))
				line := strings.TrimPrefix(content[:at], bom)
				line = line[strings.LastIndexByte(line, '\n')+1:]
				want = append(want, int64(utf8.RuneCountInString(line))+1)
			}
			_, n := utf8.DecodeRuneInString(content[at:])
			at += max(n, 1)
		}
		for _, src := range []io.Reader{
			strings.NewReader(content), iotest.OneByteReader(strings.NewReader(content)), iotest.DataErrReader(strings.NewReader(content)),
		} {
			require.Equal(t, want, columns(src, offsets))
		}
	}
}

func TestColumnsAfterTheEnd(t *testing.T) {
	require.Equal(t, []int64{1, 4, 0, 0}, columns(strings.NewReader("abc"), []int64{0, 3, 4, 99}))
	require.Equal(t, []int64{1, 0}, columns(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(io.ErrNoProgress)), []int64{0, 5}))
}

// Findings have the line and column that an editor shows.
func TestColumnsOfFindings(t *testing.T) {
	lines := `{"resourceType":"Patient","name":[{"family":"Müßig 😀 日本","text":null}]}` + "\r\n" +
		`{"resourceType":"Patient","x":"é"}` + "\r\n" +
		"\r\n" +
		`  {"resourceType":"Patient","x":"€€","y":[]}` + "\r\n"
	bundle := bom + "{\r\n \"resourceType\": \"Bundle\",\r\n \"type\": \"collection\", \"entry\": [\r\n  {\"resource\": {\"resourceType\": \"Patient\", \"a\": \"日本\", \"b\": null}}\r\n ]\r\n}\r\n"
	folder(t, map[string]string{"lines.ndjson": lines, "lines.ndjson.gz": zipped(t, lines), "bundle.json": bundle})
	for _, name := range []string{"lines.ndjson", "lines.ndjson.gz"} {
		_, out, _ := checked("", name)
		require.Contains(t, out, name+":1:65: warning fhir-json-null ")
		require.Contains(t, out, name+":4:42: warning fhir-json-empty-array ")
	}
	_, out, _ := checked("", "bundle.json")
	require.Contains(t, out, "bundle.json:1:1: warning json-bom ")
	require.Contains(t, out, "bundle.json:4:60: warning fhir-json-null ")
}

// For a small stream that can't be read twice, columns are known.
func TestKeep(t *testing.T) {
	content := strings.Repeat(" ", 1<<20)
	k := &keeper{src: io.MultiReader(strings.NewReader(content), strings.NewReader("é"))}
	_, err := io.Copy(io.Discard, k)
	require.NoError(t, err)
	require.False(t, k.over)
	require.Equal(t, content+"é", k.kept.String())

	k = &keeper{src: io.LimitReader(spaces{}, keepBytes+1)}
	n, err := io.Copy(io.Discard, k)
	require.NoError(t, err)
	require.EqualValues(t, keepBytes+1, n)
	require.True(t, k.over)
	require.Zero(t, k.kept.Cap())

	large := io.MultiReader(io.LimitReader(spaces{}, keepBytes), strings.NewReader("\n oops"))
	var out, errs bytes.Buffer
	require.Equal(t, exitErrors, run([]string{"-"}, noEnv, large, &out, &errs))
	require.Equal(t, "stdin:2: error json-syntax Invalid JSON: a value was expected, at line 2, byte offset 33554434\n", out.String())
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
