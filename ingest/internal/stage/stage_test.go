package stage

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/ingest/faulttest"
)

func read(t *testing.T, ix *Index, name string) string {
	t.Helper()
	r := ix.Open(t.Context(), name)
	defer r.Close()
	raw, err := io.ReadAll(iotest.OneByteReader(r))
	require.NoError(t, err)
	return string(raw)
}

func TestPartsAreReadInOrder(t *testing.T) {
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	job := New(bucket, "staging").Job("org/job/0")
	other := New(bucket, "staging").Job("org/job/00") // must not match as a prefix
	require.NoError(t, other.Put(t.Context(), 0, 1, []Section{{Name: "A", Count: 1, Data: []byte("other\n")}}))
	for _, n := range []int64{3, 0, 2, 1, 10, 1} { // one of them twice
		require.NoError(t, job.Put(t.Context(), n*1000, (n+1)*1000, []Section{
			{Name: "A", Count: 1, Data: fmt.Appendf(nil, "a%d\n", n)},
			{Name: fmt.Sprintf("B%d", n%2), Count: 2, Data: fmt.Appendf(nil, "b%d\nb%d\n", n, n)},
		}))
	}
	require.NoError(t, job.Put(t.Context(), 4000, 5000, nil)) // a batch without output
	ix, err := job.Index(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Section{{Name: "A", Count: 5, Bytes: 16}, {Name: "B0", Count: 6, Bytes: 20}, {Name: "B1", Count: 4, Bytes: 12}}, ix.Sections)
	require.Equal(t, "a0\na1\na2\na3\na10\n", read(t, ix, "A"))
	require.Equal(t, "b1\nb1\nb3\nb3\n", read(t, ix, "B1"))
	require.Empty(t, read(t, ix, "C"))

	require.NoError(t, ix.Complete(15))
	require.ErrorIs(t, ix.Complete(14), ErrDamaged)

	later, err := job.From(t.Context(), 10_000)
	require.NoError(t, err)
	for batch := range later {
		require.GreaterOrEqual(t, batch[0], int64(10_000))
		for range 2 { // a missing part too
			require.NoError(t, job.Drop(t.Context(), batch[0], batch[1]))
		}
	}
	require.NotEmpty(t, later)
	ix, err = job.Index(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a0\na1\na2\na3\n", read(t, ix, "A"))
	require.NoError(t, job.Put(t.Context(), 2500, 3500, nil))
	ix, err = job.Index(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, ix.Complete(12), ErrDamaged, "two parts overlap")
	require.EqualValues(t, 4, ix.Count("A"))
	require.Zero(t, ix.Count("C"))
	require.NoError(t, job.Clear(t.Context()))
	require.NoError(t, job.Clear(t.Context()))
	ix, err = job.Index(t.Context())
	require.NoError(t, err)
	require.Empty(t, ix.Sections)
	_, err = bucket.List(nil).Next(t.Context())
	require.NoError(t, err, "the other job's parts remain")
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	broken := errors.New("broken")
	err := Write(t.Context(), bucket, "k", nil, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	_, err = bucket.List(nil).Next(t.Context())
	require.Equal(t, io.EOF, err)
}

// A read that ends early must be an error, not a shorter part.
func TestTruncatedRead(t *testing.T) {
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	for n := 1; n <= 2; n++ { // the cut is before the first byte, or after the last
		job := New(faulttest.Bucket(bucket, faulttest.NthCall(faulttest.BucketRead, 2+n, faulttest.Drop)), "staging").Job("j")
		require.NoError(t, job.Put(t.Context(), 0, 1, []Section{{Name: "A", Count: 1, Data: []byte("first\n")}}))
		require.NoError(t, job.Put(t.Context(), 1, 2, []Section{{Name: "A", Count: 1, Data: []byte("second\n")}}))
		ix, err := job.Index(t.Context())
		require.NoError(t, err)
		raw, err := io.ReadAll(ix.Open(t.Context(), "A"))
		if n == 1 {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		} else {
			require.NoError(t, err, "all of it was read")
			require.Equal(t, "first\nsecond\n", string(raw))
		}
	}
}

// If any byte of a part is changed, removed or cut off, it is not listed, or reading its
// sections fails.
func TestDamagedParts(t *testing.T) {
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	job := New(bucket, "staging").Job("j")
	require.NoError(t, job.Put(t.Context(), 0, 1, []Section{
		{Name: "A", Count: 1, Data: []byte("a secret\n")}, {Name: "B", Count: 1, Data: []byte("b\n")}}))
	whole, err := bucket.ReadAll(t.Context(), job.key(0, 1))
	require.NoError(t, err)
	sound := func(raw []byte) bool {
		require.NoError(t, bucket.WriteAll(t.Context(), job.key(0, 1), raw, nil))
		ix, err := job.Index(t.Context())
		require.NoError(t, err)
		verified := *ix
		require.NoError(t, verified.Verify(t.Context()))
		read := ix.Complete(2)
		for _, name := range []string{"A", "B"} {
			if _, err := io.ReadAll(ix.Open(t.Context(), name)); read == nil {
				read = err
			}
		}
		require.Equal(t, read == nil, verified.Complete(2) == nil)
		if read != nil {
			require.ErrorIs(t, read, ErrDamaged)
			require.NotContains(t, read.Error(), "secret")
		}
		return read == nil
	}
	require.True(t, sound(whole))
	for i := range whole {
		flipped := slices.Clone(whole)
		flipped[i] ^= 1
		require.False(t, sound(flipped), "byte %d changed", i)
		require.False(t, sound(slices.Delete(slices.Clone(whole), i, i+1)), "byte %d removed", i)
		require.False(t, sound(whole[:i]), "cut at %d", i)
	}
	require.NoError(t, bucket.WriteAll(t.Context(), job.key(5, 6), whole, nil))
	ix, err := job.Index(t.Context())
	require.NoError(t, err)
	require.NotZero(t, ix.Damaged, "a part of another batch")
}

// A process killed before it renames a file leaves a temporary file that fileblob lists,
// with all lines of a part that is then written again.
func TestKilledWriter(t *testing.T) {
	for _, written := range []string{"", "[{\"name\":\"A\"", "[{\"name\":\"A\",\"count\":1,\"bytes\":2}]\na\n"} {
		bucket, err := fileblob.OpenBucket(t.TempDir(), &fileblob.Options{NoTempDir: true})
		require.NoError(t, err)
		defer bucket.Close()
		job := New(bucket, "staging").Job("j")
		w, err := bucket.NewWriter(t.Context(), job.key(0, 1), &blob.WriterOptions{ContentType: "x/y"})
		require.NoError(t, err)
		_, err = w.Write([]byte(written))
		require.NoError(t, err)
		left, err := bucket.List(nil).Next(t.Context())
		require.NoError(t, err, "otherwise this test tests nothing")
		require.NotEqual(t, job.key(0, 1), left.Key)

		require.NoError(t, job.Put(t.Context(), 0, 1, []Section{{Name: "A", Count: 1, Data: []byte("a\n")}}))
		ix, err := job.Index(t.Context())
		require.NoError(t, err)
		require.Equal(t, "a\n", read(t, ix, "A"))
		require.EqualValues(t, 1, ix.Count("A"))

		require.NoError(t, job.Clear(t.Context()))
		_, err = bucket.List(nil).Next(t.Context())
		require.ErrorIs(t, err, io.EOF)
		_ = w.Close()
	}
}
