package main

import (
	"bytes"
	"io"
)

// keepBytes is the maximum size of a stream that is kept in memory so that columns can be
// counted in a second pass. It is not written to a temporary file, since it is health
// records.
const keepBytes = 32 << 20

// keeper keeps the bytes read through it, up to keepBytes.
type keeper struct {
	src  io.Reader
	kept bytes.Buffer
	over bool
}

func (k *keeper) Read(p []byte) (int, error) {
	n, err := k.src.Read(p)
	switch {
	case k.over:
	case k.kept.Len()+n > keepBytes:
		k.over = true
		k.kept = bytes.Buffer{}
	default:
		k.kept.Write(p[:n])
	}
	return n, err
}
