package stage

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"path"

	"gocloud.dev/blob"
)

// Open reads one section of all parts, in the order of the payload, with one part open at a
// time. Reading a damaged or missing part fails with ErrDamaged, at the end of its section
// at the latest.
func (ix *Index) Open(ctx context.Context, name string) io.ReadCloser {
	return &sectionReader{ctx: ctx, ix: ix, name: name}
}

type sectionReader struct {
	ctx  context.Context // of Open, for the reads
	ix   *Index
	name string
	next int

	cur     *blob.Reader
	key     string // of the open part
	section Section
	left    int64 // unread bytes of the section in that part
	sum     uint32
}

func (r *sectionReader) Read(p []byte) (int, error) {
	for {
		if r.cur != nil {
			n, err := r.cur.Read(p)
			r.left -= int64(n)
			r.sum = crc32.Update(r.sum, castagnoli, p[:n])
			if err == io.EOF {
				err = r.end()
			}
			if n > 0 || err != nil {
				return n, err
			}
			continue
		}
		if r.next == len(r.ix.parts) {
			return 0, io.EOF
		}
		part := r.ix.parts[r.next]
		r.next++
		offset := part.header
		for _, s := range part.sections {
			if s.Name != r.name {
				offset += s.Bytes
				continue
			}
			cur, err := r.ix.job.area.bucket.NewRangeReader(r.ctx, part.key, offset, s.Bytes, nil)
			if err != nil {
				return 0, openError(err)
			}
			r.cur, r.key, r.section, r.left, r.sum = cur, part.key, s, s.Bytes, 0
			break
		}
	}
}

// end closes the open part and checks its section.
func (r *sectionReader) end() error {
	err := r.cur.Close()
	r.cur = nil
	switch {
	case err != nil:
		return err
	case r.left > 0:
		return fmt.Errorf("stage: read part: %d bytes are missing: %w", r.left, io.ErrUnexpectedEOF)
	case r.sum != r.section.CRC32C:
		return fmt.Errorf("%w: %s has the wrong checksum", ErrDamaged, path.Base(r.key))
	}
	return nil
}

// Close closes the open part.
func (r *sectionReader) Close() error {
	if r.cur == nil {
		return nil
	}
	err := r.cur.Close()
	r.cur = nil
	return err
}
