package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

// zipped returns content as one gzip member.
func zipped(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

func TestGzip(t *testing.T) {
	generated := string(fhirgen.New(nil).AppendBundle(nil, "transaction", 300))
	whole := zipped(t, generated)
	for name, c := range map[string]struct {
		content   string
		resources string
		err       string
	}{
		"one member":             {content: whole, resources: "300 resources"},
		"two members":            {content: zipped(t, generated[:5000]) + zipped(t, generated[5000:]), resources: "300 resources"},
		"an empty member":        {content: zipped(t, "") + whole, resources: "300 resources"},
		"cut in the data":        {content: whole[:len(whole)/2], err: "is cut off"},
		"cut in the checksum":    {content: whole[:len(whole)-3], err: "is cut off"},
		"cut in the header":      {content: whole[:5], err: "is cut off"},
		"cut in the magic's end": {content: whole[:2], err: "is cut off"},
		"cut in a 2nd member":    {content: whole + zipped(t, "\n")[:7], err: "is cut off"},
		"trailing data":          {content: whole + "more than the length of a header", err: "is corrupt"},
		"damaged data":           {content: whole[:len(whole)/2] + strings.Repeat("\xff", 50) + whole[len(whole)/2+50:], err: "is corrupt"},
		"damaged checksum":       {content: whole[:len(whole)-8] + "\x00\x00\x00\x00" + whole[len(whole)-4:], err: "is corrupt"},
	} {
		t.Run(name, func(t *testing.T) {
			folder(t, map[string]string{"a.json": c.content})
			code, out, errs := checked("", "a.json") // the name does not matter
			require.Empty(t, out)
			if c.err == "" {
				require.Zero(t, code)
				require.Contains(t, errs, c.resources)
				return
			}
			require.Equal(t, exitFailed, code)
			require.Contains(t, errs, "fhircheck: a.json: the compressed file "+c.err)
		})
	}
}

// If the file is damaged, invalid JSON in it is not a finding.
func TestDamageIsNotAFinding(t *testing.T) {
	broken := zipped(t, good[:40]+"\x00"+good[41:])
	folder(t, map[string]string{"broken.json.gz": broken, "damaged.json.gz": broken[:len(broken)-8] + "\x00\x00\x00\x00" + broken[len(broken)-4:]})
	code, out, errs := checked("", "broken.json.gz")
	require.Equal(t, exitErrors, code)
	require.Contains(t, out, "broken.json.gz:1:41: error json-nul")
	require.NotContains(t, errs, "corrupt")

	code, out, errs = checked("", "damaged.json.gz")
	require.Equal(t, exitFailed, code)
	require.Empty(t, out)
	require.Contains(t, errs, "corrupt")
}

// An error of the source is reported unchanged.
func TestGzipSourceFails(t *testing.T) {
	broken := errors.New("the disk is gone")
	content, ok := decompress(io.MultiReader(strings.NewReader(zipped(t, good)[:30]), iotest.ErrReader(broken)))
	require.True(t, ok)
	_, err := io.ReadAll(content)
	require.ErrorIs(t, err, broken)
}
