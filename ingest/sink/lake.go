package sink

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/internal/stage"
	"github.com/fhirdock/fhirdock/jobs"
)

// LakeOptions; nil, and zero fields, mean the defaults.
type LakeOptions struct {
	// Prefix of the output's keys, without a slash at its end. Default "processed".
	Prefix string
	// Staging is the prefix of the parts that are kept until a job ends. It must
	// not overlap with Prefix. Default "staging/lake".
	Staging string
}

// Lake writes {prefix}/{organization}/{jobId}/{ResourceType}.ndjson. It is safe
// for concurrent use, and keeps nothing in memory between calls.
type Lake struct {
	bucket  *blob.Bucket
	prefix  string
	staging string
	parts   *stage.Area
}

var (
	_ ingest.Handler   = (*Lake)(nil)
	_ ingest.Finisher  = (*Lake)(nil)
	_ ingest.Discarder = (*Lake)(nil)
	_ ingest.Placer    = (*Lake)(nil)
)

// NewLake returns a Lake in a bucket, which stays the caller's to close. It fails
// without a bucket, and if a prefix is no prefix of keys ([blobstore.ValidKey]) or
// the two overlap. [ingest.NewWorker] checks them against the service's own.
func NewLake(bucket *blob.Bucket, opts *LakeOptions) (*Lake, error) {
	if bucket == nil {
		return nil, errors.New("sink: a lake needs a bucket")
	}
	var o LakeOptions
	if opts != nil {
		o = *opts
	}
	o.Prefix = cmp.Or(o.Prefix, "processed")
	o.Staging = cmp.Or(o.Staging, "staging/lake")
	for name, prefix := range map[string]string{"Prefix": o.Prefix, "Staging": o.Staging} {
		if !blobstore.ValidKey(prefix) {
			return nil, fmt.Errorf("sink: LakeOptions.%s %q can't be the prefix of keys: %w", name, prefix, blobstore.ErrKey)
		}
	}
	if strings.HasPrefix(o.Prefix+"/", o.Staging+"/") || strings.HasPrefix(o.Staging+"/", o.Prefix+"/") {
		return nil, fmt.Errorf("sink: LakeOptions.Prefix %q and Staging %q overlap", o.Prefix, o.Staging)
	}
	return &Lake{bucket: bucket, prefix: o.Prefix, staging: o.Staging, parts: stage.New(bucket, o.Staging)}, nil
}

// Prefixes implements [ingest.Placer].
func (l *Lake) Prefixes() (*blob.Bucket, []string) {
	return l.bucket, []string{l.prefix, l.staging}
}

const manifestName = "manifest.json"

// manifest is the commit marker of a job's files.
type manifest struct {
	JobID   string        `json:"jobId"`
	Run     int           `json:"run"`
	Outputs []jobs.Output `json:"outputs"`
}

func (l *Lake) folder(job *jobs.Job) string {
	return l.prefix + "/" + job.OrganizationID + "/" + job.ID + "/"
}

func (l *Lake) job(job *jobs.Job) *stage.Job {
	return l.parts.Job(job.OrganizationID + "/" + job.ID + "/" + strconv.Itoa(job.Run))
}

// Handle implements [ingest.Handler]. An entry without a resource (a GET, HEAD
// or DELETE) is refused: a lake keeps resources and does nothing else.
func (l *Lake) Handle(ctx context.Context, b *ingest.Batch) error {
	sections := split(b)
	if b.Whole {
		if m, err := l.manifest(ctx, b.Job); err != nil || m != nil {
			return err // it was published before
		}
		// All there is: no parts to wait for.
		index := make([]stage.Section, len(sections))
		for i, s := range sections {
			index[i] = stage.Section{Name: s.Name, Count: s.Count, Bytes: int64(len(s.Data))}
		}
		_, err := l.publish(ctx, b.Job, index, func(i int) io.ReadCloser {
			return io.NopCloser(bytes.NewReader(sections[i].Data))
		})
		return err
	}
	return l.job(b.Job).Put(ctx, b.Start, b.End, sections)
}

// split sorts a batch's resources into lines by type.
func split(b *ingest.Batch) []stage.Section {
	sizes := make(map[string]int, 16) // growing to them would take twice the memory
	for i := range b.Resources {
		sizes[b.Resources[i].Type] += len(b.Resources[i].Raw) + 1
	}
	var sections []stage.Section
	where := make(map[string]int, len(sizes))
	for i := range b.Resources {
		r := &b.Resources[i]
		switch {
		case r.Raw == nil:
			b.Reject(i, "not-supported", "The entry has no resource, and a lake does nothing but keep resources")
			continue
		case !typeName(r.Type):
			b.Reject(i, "value", "The resourceType can't name a file; it must be 1 to 64 letters, the first in upper case")
			continue
		}
		at, ok := where[r.Type]
		if !ok {
			at = len(sections)
			where[r.Type] = at
			sections = append(sections, stage.Section{Name: r.Type, Data: make([]byte, 0, sizes[r.Type])})
		}
		s := &sections[at]
		s.Data = append(fhirbundle.AppendLine(s.Data, r.Raw), '\n')
		s.Count++
	}
	slices.SortFunc(sections, func(a, b stage.Section) int { return strings.Compare(a.Name, b.Name) })
	return sections
}

func typeName(s string) bool {
	if s == "" || len(s) > 64 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// Finish implements [ingest.Finisher]: it makes the files of the parts. It may
// be called again, also behind a Finish that was cut off at any place, and
// beside that of a worker which does not know yet that it lost its lease.
func (l *Lake) Finish(ctx context.Context, job *jobs.Job) ([]jobs.Output, error) {
	// In this order: parts are removed behind the manifest only, so that without
	// one all of them were there when they were listed.
	index, indexErr := l.job(job).Index(ctx)
	m, err := l.manifest(ctx, job)
	if err != nil {
		return nil, err
	}
	if m == nil {
		if indexErr != nil {
			return nil, fmt.Errorf("sink: %w", indexErr)
		}
		m, err = l.publish(ctx, job, index.Sections, func(i int) io.ReadCloser {
			return index.Open(ctx, index.Sections[i].Name)
		})
		if err != nil {
			return nil, err
		}
	}
	// The files stand; what is left only costs space.
	if err := l.job(job).Clear(ctx); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	if job.Run > 0 {
		if err := l.removeOld(ctx, job, m); err != nil {
			return nil, err
		}
	}
	return m.Outputs, nil
}

// Discard implements [ingest.Discarder]: it removes the parts, and files without a
// manifest. Files that are complete stand.
func (l *Lake) Discard(ctx context.Context, job *jobs.Job) error {
	if err := l.job(job).Clear(ctx); err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	if job.Run > 0 {
		return nil // the files are those of the run before
	}
	m, err := l.manifest(ctx, job)
	if err != nil || m != nil {
		return err
	}
	return l.removeOld(ctx, job, &manifest{})
}

// manifest reads the manifest of this run of a job; nil if there is none yet. That
// of a later run is an error: who asks lost its lease long ago, and must not write
// over what that run has published.
func (l *Lake) manifest(ctx context.Context, job *jobs.Job) (*manifest, error) {
	raw, err := l.bucket.ReadAll(ctx, l.folder(job)+manifestName)
	switch {
	case gcerrors.Code(err) == gcerrors.NotFound:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("sink: read manifest: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("sink: %s is not a manifest: %w", l.folder(job)+manifestName, err)
	}
	switch {
	case m.Run < job.Run:
		return nil, nil // of an earlier run, whose files are written over
	case m.Run > job.Run:
		return nil, fmt.Errorf("sink: the files are of run %d, and this is run %d", m.Run, job.Run)
	}
	return &m, nil
}

// maxTypes bounds a job's files, and with them its record: FHIR has some 150
// types, and what a sender makes up must not grow either.
const maxTypes = 1000

// publish writes one file for each section and then the manifest. Two that
// publish the same run at once write the same bytes.
func (l *Lake) publish(ctx context.Context, job *jobs.Job, sections []stage.Section, open func(int) io.ReadCloser) (*manifest, error) {
	if len(sections) > maxTypes {
		return nil, &ingest.Failure{Code: "too-many-types", Permanent: true,
			Message: fmt.Sprintf("The payload has resources of %d types; %d are allowed", len(sections), maxTypes)}
	}
	m := &manifest{JobID: job.ID, Run: job.Run, Outputs: make([]jobs.Output, len(sections))}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	names := fileNames(sections)
	for i, s := range sections {
		key := l.folder(job) + names[i]
		m.Outputs[i] = jobs.Output{Type: s.Name, Key: key, Count: s.Count, Bytes: s.Bytes}
		g.Go(func() error {
			r := open(i)
			defer r.Close()
			if err := stage.Write(gctx, l.bucket, key, "application/x-ndjson", r); err != nil {
				return fmt.Errorf("sink: write %s: %w", names[i], err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	if err := stage.Write(ctx, l.bucket, l.folder(job)+manifestName, "application/json", bytes.NewReader(raw)); err != nil {
		return nil, fmt.Errorf("sink: write manifest: %w", err)
	}
	return m, nil
}

// fileNames are {ResourceType}.ndjson. Names that differ in case only are one to
// the file systems of macOS and Windows: all but the first get a number.
func fileNames(sections []stage.Section) []string {
	names := make([]string, len(sections))
	seen := make(map[string]int, len(sections))
	for i, s := range sections {
		folded := strings.ToLower(s.Name)
		seen[folded]++
		names[i] = s.Name + ".ndjson"
		if n := seen[folded]; n > 1 {
			names[i] = s.Name + "." + strconv.Itoa(n) + ".ndjson"
		}
	}
	return names
}

// removeOld removes all files but those of a manifest.
func (l *Lake) removeOld(ctx context.Context, job *jobs.Job, m *manifest) error {
	keep := map[string]bool{l.folder(job) + manifestName: true}
	for _, out := range m.Outputs {
		keep[out.Key] = true
	}
	it := l.bucket.List(&blob.ListOptions{Prefix: l.folder(job)})
	for {
		obj, err := it.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("sink: list files: %w", err)
		}
		if keep[obj.Key] {
			continue
		}
		if err := l.bucket.Delete(ctx, obj.Key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return fmt.Errorf("sink: remove a file: %w", err)
		}
	}
}
