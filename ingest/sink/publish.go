package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/internal/stage"
	"github.com/fhirdock/fhirdock/jobs"
)

// publishWhole publishes a job that is a single batch, without parts.
func (l *Lake) publishWhole(ctx context.Context, job *jobs.Job, sections []stage.Section) error {
	var count int64
	index := make([]stage.Section, len(sections))
	for i, s := range sections {
		index[i] = stage.Section{Name: s.Name, Count: s.Count, Bytes: int64(len(s.Data))}
		count += s.Count
	}
	if m, err := l.published(ctx, job, count); err != nil || m != nil {
		return err // published by an earlier attempt
	}
	_, err := l.publish(ctx, job, index, func(i int) io.ReadCloser {
		return io.NopCloser(bytes.NewReader(sections[i].Data))
	})
	if err == nil {
		l.recent.add(stageID(job))
	}
	return err
}

// Finish implements [ingest.Finisher]: it makes the files from the parts. It may be called
// again, even after an interrupted Finish, and concurrently with a worker that has lost its
// lease.
func (l *Lake) Finish(ctx context.Context, job *jobs.Job) ([]jobs.Output, error) {
	outputs, err := l.finish(ctx, job)
	return outputs, ingest.Loggable(err)
}

func (l *Lake) finish(ctx context.Context, job *jobs.Job) ([]jobs.Output, error) {
	// List the parts first. They are only removed after the manifest was written, so if
	// there is no manifest afterwards, the list is complete.
	parts := l.job(job)
	index, indexErr := parts.Index(ctx)
	m, err := l.published(ctx, job, job.Progress.Done)
	if err != nil {
		return nil, err
	}
	if m == nil {
		if indexErr != nil {
			return nil, fmt.Errorf("sink: %w", indexErr)
		}
		if m, err = l.publishParts(ctx, job, index); err != nil {
			return nil, err
		}
	}
	// The files are published; clean up.
	if err := parts.Clear(ctx); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	if job.Run > 0 {
		if err := l.removeOld(ctx, job, m); err != nil {
			return nil, err
		}
	}
	return m.outputs(), nil
}

// publishParts publishes the parts if they are complete.
func (l *Lake) publishParts(ctx context.Context, job *jobs.Job, index *stage.Index) (*manifest, error) {
	err := index.Complete(job.Progress.Done)
	if err == nil {
		var m *manifest
		m, err = l.publish(ctx, job, index.Sections, func(i int) io.ReadCloser {
			return index.Open(ctx, index.Sections[i].Name)
		})
		if err == nil {
			return m, nil
		}
	}
	if !errors.Is(err, stage.ErrDamaged) {
		return nil, err
	}
	// Another worker may have published and removed them.
	if m, err := l.published(ctx, job, job.Progress.Done); err != nil || m != nil {
		return m, err
	}
	if err := l.job(job).Clear(ctx); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	return nil, ingest.StartOver(fmt.Errorf("sink: %w", err))
}

// publish writes one file for each section and then the manifest. Concurrent calls for the
// same run write the same bytes.
func (l *Lake) publish(ctx context.Context, job *jobs.Job, sections []stage.Section, open func(int) io.ReadCloser) (*manifest, error) {
	m := &manifest{JobID: job.ID, Run: job.Run, Outputs: make([]output, len(sections))}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, s := range sections {
		g.Go(func() error {
			r, sum := open(i), crc32.New(castagnoli)
			defer r.Close()
			key := l.folder(job) + s.Name + ".ndjson"
			err := stage.Write(gctx, l.bucket, key, plain("application/x-ndjson"), io.TeeReader(r, sum))
			if err != nil {
				return fmt.Errorf("sink: write %s.ndjson: %w", s.Name, err)
			}
			m.Outputs[i] = output{jobs.Output{Type: s.Name, Key: key, Count: s.Count, Bytes: s.Bytes}, digits(sum)}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if err := l.readBack(ctx, m); err != nil {
		return nil, err
	}
	var err error
	if m.Checksum, err = m.sum(); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	if err := stage.Write(ctx, l.bucket, l.folder(job)+manifestName, plain("application/json"), bytes.NewReader(raw)); err != nil {
		return nil, fmt.Errorf("sink: write manifest: %w", err)
	}
	return m, nil
}

// plain returns the options for a file without checksums of its own, since the manifest has
// one.
func plain(contentType string) *blob.WriterOptions {
	return &blob.WriterOptions{ContentType: contentType, BeforeWrite: blobstore.Plain}
}

// readBack reads the written files, so that the manifest lists only intact ones.
func (l *Lake) readBack(ctx context.Context, m *manifest) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, out := range m.Outputs {
		g.Go(func() error {
			ok, err := l.intact(ctx, out)
			if err == nil && !ok {
				err = &ingest.Failure{Code: "output-changed", Message: "The output read back differs from what was written",
					Err: fmt.Errorf("sink: %s", path.Base(out.Key))}
			}
			return err
		})
	}
	return g.Wait()
}

// removeOld removes all files that are not in a manifest.
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
