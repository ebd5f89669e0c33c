package blobstore

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
)

// statesPage is how much of the list of blocks is read at once, in bytes.
const statesPage = 64 << 10

// blockReader checks an object block by block, and returns only bytes that passed.
type blockReader struct {
	src    io.ReadCloser // from the start of a block
	size   int64         // of the object
	sha256 string
	blocks io.ReaderAt

	next   int64 // block to read
	skip   int64 // bytes at its start that the caller didn't ask for
	buffer *[]byte
	ready  []byte // checked, not yet returned
	err    error

	page     []byte // of the blocks
	pageFrom int64
}

// blockBuffers holds buffers of BlockSize. Smaller objects get a buffer of their own size.
var blockBuffers = sync.Pool{New: func() any { b := make([]byte, BlockSize); return &b }}

// newBlockReader returns a reader of an object from offset on. src must start at the
// block that blockOf returns.
func newBlockReader(src io.ReadCloser, offset int64, o *OpenOptions) *blockReader {
	next := blockOf(offset, o.Size)
	r := &blockReader{src: src, size: o.Size, sha256: o.SHA256, blocks: o.Blocks, next: next, skip: offset - next*BlockSize}
	if o.Size >= BlockSize {
		r.buffer = blockBuffers.Get().(*[]byte)
	} else {
		b := make([]byte, o.Size)
		r.buffer = &b
	}
	return r
}

// blockOf returns the block that contains an offset. The end of an object belongs to its
// last block, since stores fail to open a range that begins at the end.
func blockOf(offset, size int64) int64 { return min(offset, max(0, size-1)) / BlockSize }

func (r *blockReader) Read(p []byte) (int, error) {
	if len(r.ready) == 0 && r.err == nil {
		r.ready, r.err = r.block()
	}
	if len(r.ready) == 0 {
		return 0, r.err
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

// block reads and checks the next block. It returns the last one together with io.EOF.
func (r *blockReader) block() ([]byte, error) {
	start := r.next * BlockSize
	block := (*r.buffer)[:min(BlockSize, r.size-start)]
	if _, err := io.ReadFull(r.src, block); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF { // of the object; src wraps a connection's
			err = fmt.Errorf("%w: it ends before byte %d", ErrTruncated, start+int64(len(block)))
		}
		return nil, err
	}
	last := start+int64(len(block)) == r.size
	if err := r.check(block, last); err != nil {
		return nil, err
	}
	block, r.skip = block[r.skip:], 0
	r.next++
	if last {
		return block, r.ended()
	}
	return block, nil
}

// ended returns io.EOF if src has no more bytes.
func (r *blockReader) ended() error {
	var one [1]byte
	if _, err := io.ReadFull(r.src, one[:]); err != io.EOF {
		if err == nil {
			err = fmt.Errorf("%w: it is longer than %d bytes", ErrChanged, r.size)
		}
		return err
	}
	return io.EOF
}

// check compares a block with its stored hash values.
func (r *blockReader) check(block []byte, last bool) error {
	var before [blockState]byte
	if r.next > 0 {
		var err error
		if before, err = r.state(r.next - 1); err != nil {
			return err
		}
	}
	sum, err := sumAt(r.next, before)
	if err != nil {
		return err
	}
	sum.Write(block)
	var same bool
	if last {
		same = hex.EncodeToString(sum.Sum(nil)) == r.sha256
	} else {
		after, err := r.state(r.next)
		if err != nil {
			return err
		}
		same = stateOf(sum) == after
	}
	if !same {
		return fmt.Errorf("%w: in the %d bytes from %d on", ErrDigest, len(block), r.next*BlockSize)
	}
	return nil
}

// state returns the stored hash value of a block.
func (r *blockReader) state(block int64) (state [blockState]byte, err error) {
	at := block * blockState
	if at < r.pageFrom || at+blockState > r.pageFrom+int64(len(r.page)) {
		r.page = make([]byte, min(statesPage, BlocksSize(r.size)-at))
		n, err := r.blocks.ReadAt(r.page, at)
		if n < len(r.page) {
			r.page = nil
			return state, fmt.Errorf("blobstore: read the blocks of an object: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
		r.pageFrom = at
	}
	copy(state[:], r.page[at-r.pageFrom:])
	return state, nil
}

func (r *blockReader) Close() error {
	if r.buffer != nil && len(*r.buffer) == BlockSize {
		blockBuffers.Put(r.buffer)
	}
	r.buffer, r.ready, r.err = nil, nil, errClosed
	return r.src.Close()
}

var errClosed = errors.New("blobstore: the reader is closed")
