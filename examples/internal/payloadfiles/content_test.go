package payloadfiles

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
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

// open opens a stream, which can't be read twice.
func open(src io.Reader) (*Content, error) {
	f := &File{open: func() (io.ReadCloser, error) { return io.NopCloser(src), nil }}
	return f.Open(io.Discard)
}

func TestGzip(t *testing.T) {
	text := strings.Repeat(`{"resourceType":"Patient"}`+"\n", 1000)
	whole := zipped(t, text)
	for name, c := range map[string]struct {
		stored string
		err    error
	}{
		"not compressed":         {text, nil},
		"one member":             {whole, nil},
		"two members":            {zipped(t, text[:5000]) + zipped(t, text[5000:]), nil},
		"an empty member":        {zipped(t, "") + whole, nil},
		"cut in the data":        {whole[:len(whole)/2], errCut},
		"cut in the checksum":    {whole[:len(whole)-3], errCut},
		"cut in the header":      {whole[:5], errCut},
		"cut in the magic's end": {whole[:2], errCut},
		"cut in a 2nd member":    {whole + zipped(t, "\n")[:7], errCut},
		"trailing data":          {whole + "more than the length of a header", ErrCorrupt},
		"damaged data":           {whole[:len(whole)/2] + strings.Repeat("\xff", 50) + whole[len(whole)/2+50:], ErrCorrupt},
		"damaged checksum":       {whole[:len(whole)-8] + "\x00\x00\x00\x00" + whole[len(whole)-4:], ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			content, err := open(strings.NewReader(c.stored))
			var got []byte
			if err == nil {
				require.Equal(t, c.stored != text, content.Zipped)
				got, _ = io.ReadAll(content)
				err = content.Verify()
			}
			require.ErrorIs(t, err, c.err)
			if c.err == nil {
				require.Equal(t, text, string(got))
			}
		})
	}
}

// An error of the source is returned, without the name of its file.
func TestSourceFails(t *testing.T) {
	broken := errors.New("the disk is gone")
	failing := iotest.ErrReader(&fs.PathError{Op: "read", Path: "a.json", Err: broken})
	for _, start := range []string{"{", zipped(t, "{}")[:15]} {
		content, err := open(io.MultiReader(strings.NewReader(start), failing))
		require.NoError(t, err)
		_, err = io.ReadAll(content)
		require.Equal(t, broken, err)
	}
}

// The columns of a stream that can't be read twice are known up to a limit.
func TestColumnsOfAStream(t *testing.T) {
	content, err := open(strings.NewReader(zipped(t, strings.Repeat(" ", 1<<20)+"\né")))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, content)
	require.NoError(t, err)
	require.Equal(t, []int64{4, 2}, content.Columns([]int64{3, 1<<20 + 3}))

	content, err = open(strings.NewReader(strings.Repeat(" ", keepBytes+1)))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, content)
	require.NoError(t, err)
	require.Empty(t, content.Columns([]int64{3}))
	require.Zero(t, content.kept.Cap())
}
