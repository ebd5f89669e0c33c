package main

import (
	"bytes"
	"io"
)

// keepBytes is up to which size something that can't be read twice is kept in
// memory, so that the columns of its findings can be counted. It is not put in a
// temporary file: those are health records.
const keepBytes = 32 << 20

// keeper keeps what is read through it, unless that becomes too much.
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
