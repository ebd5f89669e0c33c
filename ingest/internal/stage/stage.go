// Package stage stores a job's output in parts while the job is being processed, because
// objects can't be appended to and a worker may die at any time.
//
// A part belongs to one batch and is named by the batch's position in the payload, so that
// a redelivered batch overwrites its part with the same bytes. When all batches are done,
// the parts' sections are read one after the other, in the order of the payload. So each
// line is read once, regardless of retries.
//
// A part's first line is the CRC-32C of its index and the index as JSON. The sections'
// bytes follow; the index has the CRC-32C of each. Reading a damaged part fails at its end
// at the latest.
package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/blobstore"
)

// ErrDamaged: a part is damaged or missing. Retrying does not help; the batch must be
// handed over again.
var ErrDamaged = errors.New("stage: a part is damaged or missing")

// Area has the parts of all jobs under one prefix. It is safe for concurrent use.
type Area struct {
	bucket *blob.Bucket
	prefix string
	writes blobstore.Writes
}

// New returns the area below a prefix, which has no trailing slash.
func New(bucket *blob.Bucket, prefix string) *Area { return &Area{bucket: bucket, prefix: prefix} }

// WriteErr returns the error of the last part written, if it failed recently; see
// [blobstore.Writes].
func (a *Area) WriteErr() error { return a.writes.Err() }

// Job returns the parts of one job. The id may contain slashes.
func (a *Area) Job(id string) *Job { return &Job{area: a, prefix: a.prefix + "/" + id + "/"} }

// Job has the parts of one job.
type Job struct {
	area   *Area
	prefix string
}

// Section is a run of lines of one kind.
type Section struct {
	Name   string `json:"name"`
	Count  int64  `json:"count"` // lines
	Bytes  int64  `json:"bytes"`
	CRC32C uint32 `json:"crc32c"` // of Data; 0 in a sum over several parts
	Data   []byte `json:"-"`
}

// Put writes the part of the batch between two offsets of the payload, durably.
func (j *Job) Put(ctx context.Context, start, end int64, sections []Section) error {
	header, err := header(start, end, sections)
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	readers := []io.Reader{bytes.NewReader(header)}
	for i := range sections {
		readers = append(readers, bytes.NewReader(sections[i].Data))
	}
	err = Write(ctx, j.area.bucket, j.key(start, end), &blob.WriterOptions{ContentType: "application/octet-stream", BeforeWrite: blobstore.Plain}, io.MultiReader(readers...))
	j.area.writes.Note(ctx, err)
	if err != nil {
		return fmt.Errorf("stage: write part: %w", err)
	}
	return nil
}

func (j *Job) key(start, end int64) string { return fmt.Sprintf("%s%020d-%020d", j.prefix, start, end) }

// partName matches what [Job.key] appends to the prefix. Other objects are not parts:
// gocloud.dev's fileblob, for example, lists temporary files that a killed process left,
// and their lines would be read twice.
var partName = regexp.MustCompile(`^[0-9]{20}-[0-9]{20}$`)

// Batches is a set of batches by their start and end in the payload.
type Batches map[[2]int64]bool

// From returns the batches that have a part and start at or after an offset of the payload.
func (j *Job) From(ctx context.Context, offset int64) (Batches, error) {
	var found Batches
	it := j.area.bucket.List(&blob.ListOptions{Prefix: j.prefix})
	for {
		obj, err := it.Next(ctx)
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("stage: list parts: %w", err)
		}
		var start, end int64
		name := strings.TrimPrefix(obj.Key, j.prefix)
		if !partName.MatchString(name) {
			continue
		}
		if _, err := fmt.Sscanf(name, "%d-%d", &start, &end); err != nil || start < offset {
			continue
		}
		if found == nil {
			found = Batches{}
		}
		found[[2]int64{start, end}] = true
	}
}

// Drop removes the part of a batch, if there is one.
func (j *Job) Drop(ctx context.Context, start, end int64) error {
	if err := j.area.bucket.Delete(ctx, j.key(start, end)); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("stage: remove part: %w", err)
	}
	return nil
}

// Index reads the indexes of all parts and sums up the lines and bytes of each section. It
// leaves out and counts damaged parts.
func (j *Job) Index(ctx context.Context) (*Index, error) {
	ix := &Index{job: j}
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
		switch {
		case errors.Is(err, ErrDamaged):
			ix.Damaged++
		case err != nil:
			return nil, err
		default:
			ix.parts = append(ix.parts, p)
		}
	}
	ix.sum()
	return ix, nil
}

// sum sets Sections from the parts.
func (ix *Index) sum() {
	sums := map[string]*Section{}
	ix.Sections = nil
	for _, p := range ix.parts {
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
}

// Clear removes all parts and other objects with the job's prefix. Objects that were
// removed concurrently are not an error.
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

// Index has the sections of a job, summed up over its parts.
type Index struct {
	Sections []Section // sorted by name
	Damaged  int       // damaged parts, which are not in Sections
	job      *Job
	parts    []part
}

// Complete returns nil if the parts have the given number of lines in total, none has a
// damaged index, and no two overlap; otherwise ErrDamaged. Gaps are allowed, because a batch
// without output may have no part; a missing part shows in the sum.
func (ix *Index) Complete(lines int64) error {
	var sum, end int64
	for _, s := range ix.Sections {
		sum += s.Count
	}
	for _, p := range ix.parts {
		if p.start < end {
			return fmt.Errorf("%w: one starts at byte %d of the payload, but the previous one ends at %d", ErrDamaged, p.start, end)
		}
		end = p.end
	}
	switch {
	case ix.Damaged > 0:
		return fmt.Errorf("%w: %d are unreadable", ErrDamaged, ix.Damaged)
	case sum != lines:
		return fmt.Errorf("%w: they have %d lines of %d", ErrDamaged, sum, lines)
	}
	return nil
}

// Verify reads all parts, and leaves out and counts damaged ones.
func (ix *Index) Verify(ctx context.Context) error {
	sound := make([]part, 0, len(ix.parts))
	for _, p := range ix.parts {
		err := ix.job.verify(ctx, p)
		switch {
		case errors.Is(err, ErrDamaged):
			ix.Damaged++
		case err != nil:
			return err
		default:
			sound = append(sound, p)
		}
	}
	ix.parts = sound
	ix.sum()
	return nil
}

// Count returns the number of lines of a section over all parts.
func (ix *Index) Count(name string) int64 {
	for _, s := range ix.Sections {
		if s.Name == name {
			return s.Count
		}
	}
	return 0
}

// Write creates or replaces an object. A failed write leaves no object. The object is as
// durable as the bucket's driver makes it.
func Write(ctx context.Context, bucket *blob.Bucket, key string, opts *blob.WriterOptions, src io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := bucket.NewWriter(ctx, key, opts)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, src); err != nil {
		cancel() // so that Close discards the object
		_ = w.Close()
		return err
	}
	return w.Close()
}
