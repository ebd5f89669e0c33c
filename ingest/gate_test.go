package ingest_test

import (
	"context"
	"errors"
	"sync"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/jobs"
)

// gate blocks everything that a worker does outside of itself at one call, until it is
// opened, like SIGSTOP and SIGCONT. It counts before and after each call.
type gate struct {
	at      int           // the call to block at; 0 for none
	stopped chan struct{} // closed when the call is reached
	open    chan struct{} // close it to continue

	mu    sync.Mutex
	calls int
}

func newGate(at int) *gate {
	return &gate{at: at, stopped: make(chan struct{}), open: make(chan struct{})}
}

func (g *gate) pass() {
	g.mu.Lock()
	g.calls++
	if g.calls == g.at {
		close(g.stopped)
	}
	shut := g.at > 0 && g.calls >= g.at
	g.mu.Unlock()
	if shut {
		<-g.open
	}
}

// store is a store with the gate.
func (g *gate) store(s jobs.Store) jobs.Store { return &gatedStore{s, g} }

type gatedStore struct {
	jobs.Store
	gate *gate
}

func (s *gatedStore) Get(ctx context.Context, id string) (*jobs.Job, error) {
	s.gate.pass()
	defer s.gate.pass()
	return s.Store.Get(ctx, id)
}

func (s *gatedStore) Update(ctx context.Context, job *jobs.Job) error {
	s.gate.pass()
	defer s.gate.pass()
	return s.Store.Update(ctx, job)
}

func (s *gatedStore) Next(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
	s.gate.pass()
	defer s.gate.pass()
	return s.Store.Next(ctx, q)
}

// bucket is a bucket with the gate. Closing it leaves the bucket inside open.
func (g *gate) bucket(b *blob.Bucket) *blob.Bucket { return blob.NewBucket(&gatedBucket{b, g}) }

type gatedBucket struct {
	inner *blob.Bucket
	gate  *gate
}

func (b *gatedBucket) ErrorCode(err error) gcerrors.ErrorCode { return gcerrors.Code(err) }
func (b *gatedBucket) As(any) bool                            { return false }
func (b *gatedBucket) ErrorAs(error, any) bool                { return false }
func (b *gatedBucket) Close() error                           { return nil }

func (b *gatedBucket) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	b.gate.pass()
	defer b.gate.pass()
	a, err := b.inner.Attributes(ctx, key)
	if err != nil {
		return nil, err
	}
	return &driver.Attributes{ContentType: a.ContentType, Metadata: a.Metadata, ModTime: a.ModTime, Size: a.Size, MD5: a.MD5, ETag: a.ETag}, nil
}

func (b *gatedBucket) ListPaged(ctx context.Context, o *driver.ListOptions) (*driver.ListPage, error) {
	b.gate.pass()
	defer b.gate.pass()
	page := &driver.ListPage{}
	it := b.inner.List(&blob.ListOptions{Prefix: o.Prefix, Delimiter: o.Delimiter})
	for {
		obj, err := it.Next(ctx)
		if err != nil {
			return page, nil // the end: the bucket is in memory
		}
		page.Objects = append(page.Objects, &driver.ListObject{Key: obj.Key, ModTime: obj.ModTime, Size: obj.Size, IsDir: obj.IsDir})
	}
}

func (b *gatedBucket) NewRangeReader(ctx context.Context, key string, offset, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	b.gate.pass()
	defer b.gate.pass()
	r, err := b.inner.NewRangeReader(ctx, key, offset, length, nil)
	if err != nil {
		return nil, err
	}
	return gatedReader{r}, nil
}

type gatedReader struct{ *blob.Reader }

func (r gatedReader) As(any) bool { return false }
func (r gatedReader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{ContentType: r.ContentType(), ModTime: r.ModTime(), Size: r.Size()}
}

func (b *gatedBucket) NewTypedWriter(ctx context.Context, key, contentType string, o *driver.WriterOptions) (driver.Writer, error) {
	w, err := b.inner.NewWriter(ctx, key, &blob.WriterOptions{ContentType: contentType, Metadata: o.Metadata, IfNotExist: o.IfNotExist})
	if err != nil {
		return nil, err
	}
	return &gatedWriter{w, b.gate}, nil
}

// gatedWriter writes when it is closed.
type gatedWriter struct {
	*blob.Writer
	gate *gate
}

func (w *gatedWriter) Close() error {
	w.gate.pass()
	defer w.gate.pass()
	return w.Writer.Close()
}

func (b *gatedBucket) Copy(ctx context.Context, dst, src string, _ *driver.CopyOptions) error {
	b.gate.pass()
	defer b.gate.pass()
	return b.inner.Copy(ctx, dst, src, nil)
}

func (b *gatedBucket) Delete(ctx context.Context, key string, _ *driver.DeleteOptions) error {
	b.gate.pass()
	defer b.gate.pass()
	return b.inner.Delete(ctx, key)
}

func (b *gatedBucket) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errors.New("a gated bucket signs nothing")
}

var _ driver.Bucket = (*gatedBucket)(nil)

// lawStore records changes of a record that must never happen, and refuses none.
type lawStore struct {
	jobs.Store
	mu     sync.Mutex
	broken []string
}

func (s *lawStore) Update(ctx context.Context, job *jobs.Job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, err := s.Store.Get(ctx, job.ID)
	if err != nil {
		return err
	}
	if err := s.Store.Update(ctx, job); err != nil {
		return err
	}
	a, b := was.Progress, job.Progress
	switch {
	case was.Run == job.Run && (b.Done < a.Done || b.Rejected < a.Rejected || b.Offset < a.Offset || b.Entries < a.Entries || b.Lines < a.Lines):
		s.broken = append(s.broken, "progress went back")
	case job.Attempt < was.Attempt && (was.State != jobs.Processing || job.State != jobs.Accepted || job.Attempt != was.Attempt-1):
		s.broken = append(s.broken, "the attempt went back without being given back")
	case job.State == jobs.Processing && was.State != jobs.Processing && job.Attempt != was.Attempt+1:
		s.broken = append(s.broken, "a claim was not counted")
	case was.State.Finished():
		s.broken = append(s.broken, "a finished job was changed")
	case !job.State.Finished() && job.DueAt.IsZero():
		s.broken = append(s.broken, "an unfinished job is never due")
	}
	return nil
}

func (s *lawStore) found() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.broken...)
}
