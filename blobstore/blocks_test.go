package blobstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/dirblob"
)

func random(n int) []byte {
	raw := make([]byte, n)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(raw) // never fails
	return raw
}

func hashed(t *testing.T, content []byte) (digest string, blocks []byte) {
	t.Helper()
	var list bytes.Buffer
	h := blobstore.NewBlockHash(&list)
	_, err := io.Copy(h, io.MultiReader(bytes.NewReader(content[:len(content)/3]), bytes.NewReader(content[len(content)/3:])))
	require.NoError(t, err)
	require.NoError(t, h.Err())
	require.EqualValues(t, len(content), h.Size())
	require.EqualValues(t, blobstore.BlocksSize(int64(len(content))), list.Len())
	return h.SHA256(), list.Bytes()
}

// Objects of all sizes around a block's are read from any offset. If one byte is wrong, no
// byte of its block is returned.
func TestBlocks(t *testing.T) {
	const b = blobstore.BlockSize
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	s := newStore(t, bucket, nil)
	for _, size := range []int{0, 1, b - 1, b, b + 1, 2 * b, 2*b + b/2} {
		content := random(size)
		digest, blocks := hashed(t, content)
		sum := sha256.Sum256(content)
		require.Equal(t, hex.EncodeToString(sum[:]), digest)
		key := fmt.Sprint("k", size)
		require.NoError(t, bucket.WriteAll(t.Context(), key, content, nil))
		opts := blobstore.OpenOptions{Size: int64(size), SHA256: digest, Blocks: bytes.NewReader(blocks)}
		read := func(offset int64) ([]byte, error) {
			opts.Offset = offset
			r, err := s.Open(t.Context(), key, &opts)
			if err != nil {
				return nil, err
			}
			defer r.Close()
			return io.ReadAll(iotest.HalfReader(r))
		}
		for _, offset := range []int64{0, 1, b - 1, b, b + 1, 2 * b, int64(size) - 1, int64(size)} {
			if offset < 0 || offset > int64(size) {
				continue
			}
			got, err := read(offset)
			require.NoError(t, err)
			require.True(t, bytes.Equal(content[offset:], got), "%d from %d", size, offset)
		}
		for _, at := range []int{0, b - 1, b, size - 1} {
			if at < 0 || at >= size {
				continue
			}
			content[at] ^= 1
			require.NoError(t, bucket.WriteAll(t.Context(), key, content, nil))
			content[at] ^= 1
			got, err := read(0)
			require.ErrorIs(t, err, blobstore.ErrDigest, "%d, byte %d", size, at)
			require.True(t, bytes.Equal(content[:at-at%b], got), "everything before the block, and nothing of it")
			if next := int64(at - at%b + b); next < int64(size) {
				_, err = read(next)
				require.NoError(t, err, "blocks are checked on their own")
			}
		}
		if size > b {
			require.NoError(t, bucket.WriteAll(t.Context(), key, content, nil))
			blocks[3] ^= 1
			_, err := read(0)
			require.ErrorIs(t, err, blobstore.ErrDigest, "the list is damaged")
			opts.Blocks = nil
			_, err = read(0)
			require.ErrorContains(t, err, "needs")
		}
	}
}

// A negative offset of an object with a digest made the first Read panic.
func TestOpenWithOptionsThatCannotWork(t *testing.T) {
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	s := newStore(t, bucket, nil)
	digest, _ := hashed(t, []byte("abc"))
	require.NoError(t, bucket.WriteAll(t.Context(), "k", []byte("abc"), nil))
	for _, o := range []blobstore.OpenOptions{
		{Offset: -1, Size: 3, SHA256: digest}, {Offset: -1}, {Size: -1}, {Offset: 4, Size: 3, SHA256: digest},
	} {
		_, err := s.Open(t.Context(), "k", &o)
		require.ErrorContains(t, err, "blobstore: OpenOptions.")
	}
}

// A folder keeps the blocks of the objects it writes. If the digest is known, the file's
// time doesn't matter.
func TestBlocksOfAFolder(t *testing.T) {
	bucket, err := dirblob.OpenBucket(t.TempDir(), nil)
	require.NoError(t, err)
	defer bucket.Close()
	s := newStore(t, bucket, nil)
	content := random(2*blobstore.BlockSize + 7)
	digest, blocks := hashed(t, content)
	o, err := s.Create(t.Context(), "k", bytes.NewReader(content), nil)
	require.NoError(t, err)
	there, err := s.Attributes(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, digest, there.SHA256)
	require.Equal(t, blocks, there.Blocks)
	require.NotEqual(t, o.Version, "another")
	r, err := s.Open(t.Context(), "k", &blobstore.OpenOptions{Version: "another", Size: o.Size, SHA256: digest, Blocks: bytes.NewReader(there.Blocks)})
	require.NoError(t, err)
	defer r.Close()
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, got))
	_, err = s.Open(t.Context(), "k", &blobstore.OpenOptions{Version: "another", Size: o.Size})
	require.ErrorIs(t, err, blobstore.ErrChanged)
}

func ExampleBlockHash() {
	ctx := context.Background()
	content := strings.Repeat("0123456789abcdef", blobstore.BlockSize/8) // two blocks
	var blocks bytes.Buffer
	h := blobstore.NewBlockHash(&blocks)
	_, _ = io.WriteString(h, content) // never fails

	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	_ = bucket.WriteAll(ctx, "k", []byte(content), &blob.WriterOptions{ContentType: "text/plain"})
	s, err := blobstore.New(bucket, nil)
	if err != nil {
		panic(err)
	}
	r, err := s.Open(ctx, "k", &blobstore.OpenOptions{
		Offset: blobstore.BlockSize + 10, Size: h.Size(), SHA256: h.SHA256(), Blocks: bytes.NewReader(blocks.Bytes()),
	})
	if err != nil {
		panic(err)
	}
	defer r.Close()
	part := make([]byte, 6)
	_, err = io.ReadFull(r, part) // checked without reading the first block
	fmt.Println(string(part), err)
	// Output: abcdef <nil>
}
