package blobstore

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// BlockSize is the size in bytes of the blocks in which an object's content is checked: 4
// MiB. An object of at most that size is one block, and its SHA-256 is enough to check it.
const BlockSize = 4 << 20

// blockState is the size in bytes of a block's stored hash value.
const blockState = sha256.Size

// BlocksSize returns the length in bytes of the list that a [BlockHash] writes for an
// object of size bytes: 32 for each block except the last.
func BlocksSize(size int64) int64 { return max(0, (size-1)/BlockSize) * blockState }

// BlockHash computes a SHA-256 and, on the way, writes what is needed to check each block
// without the blocks before it: the intermediate hash value H(i) of FIPS 180-4 at the end
// of the block, 32 bytes. A block is intact if hashing it leads from the previous block's
// value to its own or, for the last block, to the digest. So several readers can each
// check a part of an object, and together the parts prove the digest of the whole. It
// costs nothing beyond the SHA-256.
//
// It is not safe for concurrent use.
type BlockHash struct {
	sum    hash.Hash
	size   int64
	blocks io.Writer
	err    error
}

// NewBlockHash returns a BlockHash that writes the value of each block except the last to
// blocks, 32 bytes each.
func NewBlockHash(blocks io.Writer) *BlockHash { return &BlockHash{sum: sha256.New(), blocks: blocks} }

// Write never fails. Err returns errors from writing the blocks.
func (h *BlockHash) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if h.size > 0 && h.size%BlockSize == 0 && h.err == nil {
			// Wait until there is more: the last block's value is the digest.
			state := stateOf(h.sum)
			_, h.err = h.blocks.Write(state[:])
		}
		part := p[:min(int64(len(p)), BlockSize-h.size%BlockSize)]
		h.sum.Write(part)
		h.size += int64(len(part))
		p = p[len(part):]
	}
	return n, nil
}

// Size returns the number of bytes written.
func (h *BlockHash) Size() int64 { return h.size }

// SHA256 returns the digest of the bytes written, in lower-case hex.
func (h *BlockHash) SHA256() string { return hex.EncodeToString(h.sum.Sum(nil)) }

// Err returns the first error from writing the blocks.
func (h *BlockHash) Err() error { return h.err }

// The encoding of crypto/sha256's state: these bytes, the hash value, 64 bytes not yet
// hashed, and the number of bytes so far.
const (
	stateMagic  = "sha\x03"
	stateLength = len(stateMagic) + sha256.Size + sha256.BlockSize + 8
)

// stateOf returns the hash value of a SHA-256 at the end of a block.
func stateOf(sum hash.Hash) [blockState]byte {
	raw, err := sum.(encoding.BinaryAppender).AppendBinary(make([]byte, 0, stateLength))
	if err != nil || len(raw) != stateLength || string(raw[:len(stateMagic)]) != stateMagic {
		panic(fmt.Sprintf("blobstore: crypto/sha256 changed the encoding of its state: %v", err)) // tests would notice
	}
	return [blockState]byte(raw[len(stateMagic):])
}

// sumAt returns a SHA-256 in its state after some blocks.
func sumAt(block int64, state [blockState]byte) (hash.Hash, error) {
	sum := sha256.New()
	if block == 0 {
		return sum, nil
	}
	raw := make([]byte, stateLength)
	copy(raw, stateMagic)
	copy(raw[len(stateMagic):], state[:])
	binary.BigEndian.PutUint64(raw[stateLength-8:], uint64(block)*BlockSize)
	if err := sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(raw); err != nil {
		return nil, fmt.Errorf("blobstore: %w", err)
	}
	return sum, nil
}
