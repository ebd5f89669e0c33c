// Package stage keeps what a job puts out while it is under way, in parts that
// an object store can hold: an object can't be appended to, and a worker may die
// at any time.
//
// A part belongs to one batch and is named by the batch's place in the payload,
// so that a batch which is handed over again overwrites its part with the same
// bytes. When all batches are done, the parts' sections are read one behind the
// other, in the order of the payload: each line is there once, whatever was
// retried.
//
// A part's first line is its index, as JSON; the sections' bytes follow.
package stage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// Area is the parts of all jobs under one prefix. It is safe for concurrent
// use.
type Area struct {
	bucket *blob.Bucket
	prefix string
}

// New returns the area below a prefix, without a slash at its end.
func New(bucket *blob.Bucket, prefix string) *Area { return &Area{bucket: bucket, prefix: prefix} }

// Job returns the parts of one job. The id may have slashes.
func (a *Area) Job(id string) *Job { return &Job{area: a, prefix: a.prefix + "/" + id + "/"} }

// Job is the parts of one job.
type Job struct {
	area   *Area
	prefix string
}

// Section is a run of lines of one kind.
type Section struct {
	Name  string `json:"name"`
	Count int64  `json:"count"` // lines
	Bytes int64  `json:"bytes"`
	Data  []byte `json:"-"`
}

type part struct {
	key      string
	header   int64 // length of the index, its line end included
	sections []Section
}

// Put writes the part of the batch between two offsets of the payload. It is
// durable when Put returns.
func (j *Job) Put(ctx context.Context, start, end int64, sections []Section) error {
	for i := range sections {
		sections[i].Bytes = int64(len(sections[i].Data))
	}
	index, err := json.Marshal(sections)
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	readers := []io.Reader{bytes.NewReader(append(index, '\n'))}
	for i := range sections {
		readers = append(readers, bytes.NewReader(sections[i].Data))
	}
	if err := Write(ctx, j.area.bucket, j.key(start, end), "application/octet-stream", io.MultiReader(readers...)); err != nil {
		return fmt.Errorf("stage: write part: %w", err)
	}
	return nil
}

func (j *Job) key(start, end int64) string { return fmt.Sprintf("%s%020d-%020d", j.prefix, start, end) }

// partName is what [Job.key] puts behind the prefix. Other objects there are no parts:
// a bucket that is a folder may list a file that a killed process was about to rename,
// as gocloud.dev's fileblob does, and its lines would be there twice.
var partName = regexp.MustCompile(`^[0-9]{20}-[0-9]{20}$`)

// Drop removes the part of a batch, if there is one.
func (j *Job) Drop(ctx context.Context, start, end int64) error {
	if err := j.area.bucket.Delete(ctx, j.key(start, end)); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("stage: remove part: %w", err)
	}
	return nil
}

// Index reads which sections there are: for each name how many lines and bytes
// over all parts, sorted by name.
func (j *Job) Index(ctx context.Context) (*Index, error) {
	ix := &Index{job: j}
	sums := map[string]*Section{}
	it := j.area.bucket.List(&blob.ListOptions{Prefix: j.prefix})
	for {
		obj, err := it.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("stage: list parts: %w", err)
		}
		if !partName.MatchString(strings.TrimPrefix(obj.Key, j.prefix)) {
			continue
		}
		p, err := j.readIndex(ctx, obj.Key)
		if err != nil {
			return nil, err
		}
		ix.parts = append(ix.parts, p)
		for _, s := range p.sections {
			sum := sums[s.Name]
			if sum == nil {
				sum = &Section{Name: s.Name}
				sums[s.Name] = sum
			}
			sum.Count += s.Count
			sum.Bytes += s.Bytes
		}
	}
	for _, sum := range sums {
		ix.Sections = append(ix.Sections, *sum)
	}
	slices.SortFunc(ix.Sections, func(a, b Section) int { return strings.Compare(a.Name, b.Name) })
	return ix, nil
}

func (j *Job) readIndex(ctx context.Context, key string) (part, error) {
	r, err := j.area.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return part{}, fmt.Errorf("stage: open part: %w", err)
	}
	defer r.Close()
	// As long as the batch has kinds of lines, which the sender decides.
	line, err := bufio.NewReader(r).ReadBytes('\n')
	if err != nil && err != io.EOF {
		return part{}, fmt.Errorf("stage: read part: %w", err)
	}
	p := part{key: key, header: int64(len(line))}
	if err == io.EOF || json.Unmarshal(line, &p.sections) != nil {
		return part{}, fmt.Errorf("stage: %s is not a part", path.Base(key))
	}
	return p, nil
}

// Clear removes all parts, and what else there is beside them. What is gone already
// is no error.
func (j *Job) Clear(ctx context.Context) error {
	it := j.area.bucket.List(&blob.ListOptions{Prefix: j.prefix})
	for {
		obj, err := it.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("stage: list parts: %w", err)
		}
		if err := j.area.bucket.Delete(ctx, obj.Key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return fmt.Errorf("stage: remove part: %w", err)
		}
	}
}

// Index is what the parts of a job hold.
type Index struct {
	Sections []Section
	job      *Job
	parts    []part
}

// Count is the number of lines of a section over all parts.
func (ix *Index) Count(name string) int64 {
	for _, s := range ix.Sections {
		if s.Name == name {
			return s.Count
		}
	}
	return 0
}

// Open reads one section over all parts, in the order of the payload. It holds
// one part open at a time.
func (ix *Index) Open(ctx context.Context, name string) io.ReadCloser {
	return &sectionReader{ctx: ctx, ix: ix, name: name}
}

type sectionReader struct {
	ctx  context.Context // of one Open: the reader is used within it
	ix   *Index
	name string
	next int
	cur  *blob.Reader
	left int64 // bytes of the section in the part that is open
}

func (r *sectionReader) Read(p []byte) (int, error) {
	for {
		if r.cur != nil {
			n, err := r.cur.Read(p)
			r.left -= int64(n)
			if err == io.EOF {
				if err = r.cur.Close(); err == nil && r.left > 0 {
					err = fmt.Errorf("stage: read part: %d bytes are missing: %w", r.left, io.ErrUnexpectedEOF)
				}
				r.cur = nil
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
				return 0, fmt.Errorf("stage: open part: %w", err)
			}
			r.cur, r.left = cur, s.Bytes
			break
		}
	}
}

func (r *sectionReader) Close() error {
	if r.cur == nil {
		return nil
	}
	err := r.cur.Close()
	r.cur = nil
	return err
}

// Write writes an object, over one that is there, and leaves none of a write
// that failed. The object is as durable as the bucket's driver makes it.
func Write(ctx context.Context, bucket *blob.Bucket, key, contentType string, src io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := bucket.NewWriter(ctx, key, &blob.WriterOptions{ContentType: contentType})
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, src); err != nil {
		cancel() // makes Close leave nothing
		_ = w.Close()
		return err
	}
	return w.Close()
}
