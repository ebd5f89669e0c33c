package stage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"strconv"

	"gocloud.dev/gcerrors"
)

// castagnoli is the table of CRC-32C, which processors have an instruction for. It detects
// every error burst of up to 32 bits.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// partIndex is the index of a part. It has the position, so that a part with another's name
// is detected.
type partIndex struct {
	Start    int64     `json:"start"`
	End      int64     `json:"end"`
	Sections []Section `json:"sections"`
}

type part struct {
	key        string
	start, end int64
	header     int64 // length of the first line, including the line feed
	sections   []Section
}

// sumDigits is the number of hexadecimal digits of a CRC-32C.
const sumDigits = 8

// header returns the first line of a part, and sets Bytes and CRC32C of its sections.
func header(start, end int64, sections []Section) ([]byte, error) {
	for i := range sections {
		sections[i].Bytes = int64(len(sections[i].Data))
		sections[i].CRC32C = crc32.Checksum(sections[i].Data, castagnoli)
	}
	index, err := json.Marshal(partIndex{start, end, sections})
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%0*x %s\n", sumDigits, crc32.Checksum(index, castagnoli), index), nil
}

// parseHeader parses what header wrote. It returns false for anything else.
func parseHeader(line []byte) (index partIndex, ok bool) {
	sum, raw, found := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !found || err != nil || len(sum) != sumDigits || uint32(want) != crc32.Checksum(raw, castagnoli) {
		return partIndex{}, false
	}
	return index, json.Unmarshal(raw, &index) == nil
}

// readIndex reads the index of a part; ErrDamaged if it is not valid.
func (j *Job) readIndex(ctx context.Context, key string) (part, error) {
	r, err := j.area.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return part{}, openError(err)
	}
	defer r.Close()
	// Its length depends on the number of sections.
	line, err := bufio.NewReader(r).ReadBytes('\n')
	if err != nil && err != io.EOF {
		return part{}, fmt.Errorf("stage: read part: %w", err)
	}
	if err == io.EOF && int64(len(line)) < r.Size() { // the read was interrupted; the part may be intact
		return part{}, fmt.Errorf("stage: read part: %w", io.ErrUnexpectedEOF)
	}
	index, ok := parseHeader(line)
	p := part{key: key, start: index.Start, end: index.End, header: int64(len(line)), sections: index.Sections}
	size := p.header
	for _, s := range p.sections {
		size += s.Bytes
	}
	if !ok || err == io.EOF || key != j.key(p.start, p.end) || size != r.Size() {
		return part{}, fmt.Errorf("%w: %s is not a part", ErrDamaged, path.Base(key))
	}
	return p, nil
}

// verify reads a part; ErrDamaged if a checksum does not match.
func (j *Job) verify(ctx context.Context, p part) error {
	for _, s := range p.sections {
		r := &sectionReader{ctx: ctx, ix: &Index{job: j, parts: []part{p}}, name: s.Name}
		_, err := io.Copy(io.Discard, r)
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// openError wraps an error of opening a part that was listed.
func openError(err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return fmt.Errorf("stage: open part: %w", err)
}
