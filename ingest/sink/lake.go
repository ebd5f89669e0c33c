package sink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/internal/stage"
	"github.com/fhirdock/fhirdock/jobs"
)

// LakeOptions are the options of a Lake; nil, and zero fields, mean the defaults.
type LakeOptions struct {
	// Prefix of the output's keys, without a trailing slash. Default: "processed".
	Prefix string
	// Staging is the prefix of the parts, which are kept until a job ends. It must not
	// overlap with Prefix. Default: "staging/lake".
	Staging string
}

// Lake writes {prefix}/{organization}/{jobId}/{ResourceType}.ndjson, and last
// manifest.json, which lists these files with the CRC-32C of each. Output without a
// manifest is incomplete.
//
// It publishes only output whose number of resources equals what the job's record counts
// as done. If parts are missing or damaged, for example because a lifecycle rule removed
// them while a failed job waited to be redriven, the job starts over at its first batch;
// see [ingest.StartOver]. So a handler that wraps a Lake must reject the resources that it
// does not pass on.
//
// A Lake is safe for concurrent use.
type Lake struct {
	bucket  *blob.Bucket
	store   *blobstore.Store
	prefix  string
	staging string
	parts   *stage.Area
	recent  recent
}

var (
	_ ingest.Handler   = (*Lake)(nil)
	_ ingest.Finisher  = (*Lake)(nil)
	_ ingest.Discarder = (*Lake)(nil)
	_ ingest.Placer    = (*Lake)(nil)
)

// NewLake returns a Lake in a Store, which the caller closes. It is an error if a prefix is
// not a valid key ([blobstore.ValidKey]) or the two overlap. [ingest.NewWorker] checks that
// they don't overlap with the service's.
func NewLake(store *blobstore.Store, opts *LakeOptions) (*Lake, error) {
	if store == nil {
		return nil, errors.New("sink: a lake needs a Store")
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
	bucket := store.Bucket()
	return &Lake{bucket: bucket, store: store, prefix: o.Prefix, staging: o.Staging, parts: stage.New(bucket, o.Staging)}, nil
}

// Prefixes implements [ingest.Placer].
func (l *Lake) Prefixes() (*blob.Bucket, []string) {
	return l.bucket, []string{l.prefix, l.staging}
}

// Ready returns the error of the last batch written, if it failed within
// [blobstore.MaxFailureAge]. The error matches [ingest.ErrBucketNotReady]. Use it with
// [ingest.Service.Ready] in the readiness probe of a process with a worker.
func (l *Lake) Ready() error {
	if err := l.parts.WriteErr(); err != nil {
		return fmt.Errorf("%w: %w", ingest.ErrBucketNotReady, err)
	}
	return nil
}

func (l *Lake) folder(job *jobs.Job) string {
	return l.prefix + "/" + job.OrganizationID + "/" + job.ID + "/"
}

// stageID identifies a run of a job in the staging area.
func stageID(job *jobs.Job) string {
	return job.OrganizationID + "/" + job.ID + "/" + strconv.Itoa(job.Run)
}

func (l *Lake) job(job *jobs.Job) *stage.Job { return l.parts.Job(stageID(job)) }

// Handle implements [ingest.Handler]. It stores the resource of a POST to a type, of a PUT,
// and of an entry without a request, and rejects all others, because the body of a DELETE,
// a PATCH or an operation is not a live resource. It stores nothing of a transaction with
// such an entry.
func (l *Lake) Handle(ctx context.Context, b *ingest.Batch) error {
	return ingest.Loggable(l.handle(ctx, b))
}

func (l *Lake) handle(ctx context.Context, b *ingest.Batch) error {
	sections := split(b)
	if b.Aborted() || b.Whole && len(sections) == 0 {
		return nil // nothing of the job is stored
	}
	if b.Whole {
		return l.publishWhole(ctx, b.Job, sections)
	}
	return l.job(b.Job).Put(ctx, b.Start, b.End, sections)
}

// split returns a batch's resources as lines by type, and rejects those not to store.
func split(b *ingest.Batch) []stage.Section {
	sizes := make(map[string]int, 16) // so that buffers need not grow, which would take twice the memory
	for i := range b.Resources {
		sizes[b.Resources[i].Type] += len(b.Resources[i].Raw) + 1
	}
	var sections []stage.Section
	index := make(map[string]int, len(sizes))
	for i := range b.Resources {
		r := &b.Resources[i]
		switch {
		case !keeps(r):
			b.Reject(i, "not-supported", rejection(r))
			continue
		case r.Type == "":
			b.Reject(i, "value", "The resource has no resourceType")
			continue
		}
		at, ok := index[r.Type]
		if !ok {
			at = len(sections)
			index[r.Type] = at
			sections = append(sections, stage.Section{Name: r.Type, Data: make([]byte, 0, sizes[r.Type])})
		}
		s := &sections[at]
		s.Data = append(fhirbundle.AppendLine(s.Data, r.Raw), '\n')
		s.Count++
	}
	slices.SortFunc(sections, func(a, b stage.Section) int { return strings.Compare(a.Name, b.Name) })
	return sections
}

// Discard implements [ingest.Discarder]: it removes parts, and files without a manifest.
// Complete files remain.
func (l *Lake) Discard(ctx context.Context, job *jobs.Job) error {
	return ingest.Loggable(l.discard(ctx, job))
}

func (l *Lake) discard(ctx context.Context, job *jobs.Job) error {
	if err := l.job(job).Clear(ctx); err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	if job.Run > 0 {
		return nil // the files are those of the previous run
	}
	m, err := l.manifest(ctx, job)
	if err != nil || m != nil {
		return err
	}
	return l.removeOld(ctx, job, &manifest{})
}
