package stage

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"path"

	"gocloud.dev/blob"
)

// Open reads one section over all parts, in the order of the payload. It holds
// one part open at a time. Reading a part that is damaged or gone fails with ErrDamaged,
// at the latest at the end of its section.
func (ix *Index) Open(ctx context.Context, name string) io.ReadCloser {
	return &sectionReader{ctx: ctx, ix: ix, name: name}
}

type sectionReader struct {
	ctx  context.Context // of one Open: the reader is used within it
	ix   *Index
	name string
	next int

	cur     *blob.Reader
	key     string // of the part that is open
	section Section
	left    int64 // bytes of the section in that part
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

// end closes the part that is open, and says whether its section was what it must be.
func (r *sectionReader) end() error {
	err := r.cur.Close()
	r.cur = nil
	switch {
	case err != nil:
		return err
	case r.left > 0:
		return fmt.Errorf("stage: read part: %d bytes are missing: %w", r.left, io.ErrUnexpectedEOF)
	case r.sum != r.section.CRC32C:
		return fmt.Errorf("%w: %s does not have its checksum", ErrDamaged, path.Base(r.key))
	}
	return nil
}

// Close closes what is open.
func (r *sectionReader) Close() error {
	if r.cur == nil {
		return nil
	}
	err := r.cur.Close()
	r.cur = nil
	return err
}
