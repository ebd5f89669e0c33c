package main

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
)

var gzipMagic = []byte{0x1f, 0x8b}

var (
	errGzipCut     = errors.New("the compressed file is cut off: it ends inside its gzip data")
	errGzipCorrupt = errors.New("the compressed file is corrupt: its gzip data is damaged, or something else follows it")
)

// decompress returns the decompressed content of src, of one or several gzip members, or
// src itself if it is not compressed. JSON can't start like gzip.
func decompress(src io.Reader) (content io.Reader, zipped bool) {
	b := bufio.NewReaderSize(src, 64<<10)
	if head, _ := b.Peek(len(gzipMagic)); !bytes.Equal(head, gzipMagic) {
		return b, false // the next read returns an error again
	}
	return &gunzip{src: b}, true
}

// gunzip is a gzip.Reader that is opened by the first read, and whose errors describe the
// file.
type gunzip struct {
	src io.Reader
	z   *gzip.Reader
	err error
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	if g.z == nil {
		if g.z, g.err = gzip.NewReader(g.src); g.err != nil {
			g.err = gzipError(g.err)
			return 0, g.err
		}
	}
	n, err := g.z.Read(p)
	g.err = gzipError(err)
	return n, g.err
}

func gzipError(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errGzipCut
	}
	if _, ok := errors.AsType[flate.CorruptInputError](err); ok || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) {
		return errGzipCorrupt
	}
	return err
}
