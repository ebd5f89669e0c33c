package fhirgen

import "io"

// AppendPatient appends all resources of one patient as NDJSON, one resource a
// line, each line with its line feed, and returns the extended slice and the
// number of lines.
func (g *Generator) AppendPatient(dst []byte) (_ []byte, lines int) {
	mean := g.opts.PatientResources
	lines = max(3, g.between(mean/2, mean+mean/2))
	g.urn = false
	g.w.begin(g, lines)
	for range lines {
		k := g.w.next(g)
		dst = g.write(dst, k, g.newID(k))
		dst = append(dst, '\n')
	}
	return dst, lines
}

// WriteNDJSON writes NDJSON of complete patients, with all resource types
// mixed, until at least size bytes are written, and returns the number of
// lines. It writes patient by patient, and holds one patient at a time. A size
// of 0 or less writes nothing. The error is the writer's.
func (g *Generator) WriteNDJSON(w io.Writer, size int64) (lines int64, err error) {
	for written := int64(0); written < size; {
		var n int
		g.tmp, n = g.AppendPatient(g.tmp[:0])
		m, err := w.Write(g.tmp)
		if err != nil {
			return lines, err
		}
		written += int64(m)
		lines += int64(n)
	}
	return lines, nil
}

// Reader returns the bytes that WriteNDJSON would write, made while they are
// read. While it is in use the Generator must not be used for anything else.
//
// What needs the length or a digest beforehand can have it from a second
// Generator with the same Options, whose WriteNDJSON writes to a counter or a
// hash.
func (g *Generator) Reader(size int64) io.Reader { return &reader{g: g, left: size} }

type reader struct {
	g    *Generator
	left int64
	buf  []byte // what was made
	rest []byte // the part of it that was not read yet
}

func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.rest) == 0 {
		if r.left <= 0 {
			return 0, io.EOF
		}
		r.buf, _ = r.g.AppendPatient(r.buf[:0])
		r.rest = r.buf
		r.left -= int64(len(r.buf))
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// WriteTo writes all that is left to w.
func (r *reader) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(r.rest)
	r.rest = r.rest[n:]
	total := int64(n)
	for err == nil && r.left > 0 {
		r.buf, _ = r.g.AppendPatient(r.buf[:0])
		r.left -= int64(len(r.buf))
		n, err = w.Write(r.buf)
		r.rest = r.buf[n:]
		total += int64(n)
	}
	return total, err
}
