package blobstore

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// A stream that is shorter or longer than the object's size is an error, not an end.
func TestReaderTellsAnEndFromACut(t *testing.T) {
	for name, c := range map[string]struct {
		left int64
		want error
	}{
		"whole":  {5, nil},
		"cut":    {6, ErrTruncated},
		"longer": {4, ErrChanged},
	} {
		for _, src := range []io.Reader{strings.NewReader("12345"), iotest.DataErrReader(strings.NewReader("12345"))} {
			got, err := io.ReadAll(&reader{ReadCloser: io.NopCloser(src), left: c.left})
			require.ErrorIs(t, err, c.want, name)
			require.Equal(t, "12345", string(got), name)
		}
	}
}
