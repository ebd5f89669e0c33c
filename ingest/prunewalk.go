package ingest

import (
	"context"
	"errors"
	"io"
	"path"
	"strings"
	"time"

	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/jobs"
)

// payloadWalk walks the payloads, a day of an organization at a time, and looks at days
// that are old enough. So its cost depends on the payloads that are left, not on those
// already removed.
type payloadWalk struct {
	s       *Service
	started bool
	folders []string // days that are left, and organizations whose days are not listed yet
	token   []byte   // in the first folder; nil at its start
}

func (w *payloadWalk) step(ctx context.Context) (bool, error) {
	s := w.s
	if !w.started {
		orgs, err := s.foldersIn(ctx, s.opts.Prefix+"/")
		if err != nil {
			return true, err
		}
		w.started, w.folders = true, orgs
	}
	if len(w.folders) == 0 {
		return true, nil
	}
	folder := w.folders[0]
	if strings.Count(strings.TrimPrefix(folder, s.opts.Prefix+"/"), "/") == 1 {
		days, err := s.oldDays(ctx, folder, s.now().Add(-s.opts.Retention.Payloads))
		if err != nil && ctx.Err() != nil {
			return false, err
		}
		w.folders = append(days, w.folders[1:]...)
		return false, err
	}
	start := w.token
	if start == nil {
		start = blob.FirstPageToken
	}
	page, next, err := s.blobs.Bucket().ListPage(ctx, start, pruneList, &blob.ListOptions{Prefix: folder})
	if err != nil && ctx.Err() == nil {
		w.token, w.folders = nil, w.folders[1:] // an expired token would fail every time
	}
	if err != nil {
		return false, err
	}
	all, err := s.pruneEach(ctx, len(page), func(ctx context.Context, n int) error { return s.prunePayload(ctx, page[n]) })
	if !all {
		return false, err
	}
	if w.token = next; len(next) == 0 {
		w.token, w.folders = nil, w.folders[1:]
	}
	return false, err
}

// oldDays returns the folders of an organization's days that began before a time, oldest
// first.
func (s *Service) oldDays(ctx context.Context, organization string, before time.Time) (days []string, err error) {
	years, err := s.foldersIn(ctx, organization)
	if err != nil {
		return nil, err
	}
	for _, year := range years {
		if _, err := time.Parse("2006/", strings.TrimPrefix(year, organization)); err != nil {
			continue
		}
		months, err := s.foldersIn(ctx, year)
		if err != nil {
			return nil, err
		}
		for _, month := range months {
			if began, err := time.Parse("2006/01/", strings.TrimPrefix(month, organization)); err != nil || began.After(before) {
				continue
			}
			all, err := s.foldersIn(ctx, month)
			if err != nil {
				return nil, err
			}
			for _, day := range all {
				if began, err := time.Parse("2006/01/02/", strings.TrimPrefix(day, organization)); err == nil && !began.After(before) {
					days = append(days, day)
				}
			}
		}
	}
	return days, nil
}

// foldersIn returns the folders in a folder. All names end in a slash.
func (s *Service) foldersIn(ctx context.Context, folder string) (found []string, err error) {
	it := s.blobs.Bucket().List(&blob.ListOptions{Prefix: folder, Delimiter: "/"})
	for {
		o, err := it.Next(ctx)
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		if o.IsDir {
			found = append(found, o.Key)
		}
	}
}

// prunePayload removes a payload if its retention has passed.
func (s *Service) prunePayload(ctx context.Context, object *blob.ListObject) error {
	// Compare the store's times with the real clock, not with Options.Now.
	if !ownKey(object.Key) || time.Since(object.ModTime) < s.opts.Retention.Payloads {
		return nil
	}
	job, err := s.jobOfKey(ctx, object.Key)
	if err != nil {
		return err
	}
	if job == nil {
		if time.Since(object.ModTime) >= orphanAge {
			s.pruning.lostOne()
		}
		return nil
	}
	if job, err = s.markRemoved(ctx, job, s.payloadOver); job == nil || err != nil {
		return err
	}
	if err := s.removeObject(ctx, job.Payload.Key, false); err != nil {
		return err
	}
	s.removed(job, removedPayload)
	return nil
}

// objectWalk walks the objects below a prefix and visits those that have not been modified
// for as long as they are kept.
type objectWalk struct {
	s      *Service
	prefix string
	keep   time.Duration
	visit  func(ctx context.Context, object *blob.ListObject, organization, name string) error
	token  []byte // nil at the start
}

func (w *objectWalk) step(ctx context.Context) (bool, error) {
	start := w.token
	if start == nil {
		start = blob.FirstPageToken
	}
	page, next, err := w.s.blobs.Bucket().ListPage(ctx, start, pruneList, &blob.ListOptions{Prefix: w.prefix + "/"})
	if err != nil {
		return true, err
	}
	all, err := w.s.pruneEach(ctx, len(page), func(ctx context.Context, n int) error {
		if time.Since(page[n].ModTime) < w.keep {
			return nil
		}
		organization, name, _ := strings.Cut(strings.TrimPrefix(page[n].Key, w.prefix+"/"), "/")
		return w.visit(ctx, page[n], organization, name)
	})
	if all {
		w.token = next
	}
	return all && len(next) == 0, err
}

// pruneOutcomes removes an outcomes file, {organization}/{jobId}.ndjson, if the job's
// payload was removed, so that the job can't write it again.
func (s *Service) pruneOutcomes(ctx context.Context, object *blob.ListObject, organization, name string) error {
	id := strings.TrimSuffix(name, ".ndjson")
	if !jobs.ValidID(id) {
		return nil
	}
	job, err := s.back.Jobs.Get(ctx, id)
	switch {
	case errors.Is(err, jobs.ErrNotFound):
		return nil // may not be ours
	case err != nil:
		return err
	case job.OrganizationID != organization || job.Payload.RemovedAt.IsZero() || s.now().Sub(job.FinishedAt) < s.opts.Retention.Outcomes:
		return nil
	}
	if err := s.removeObject(ctx, object.Key, false); err != nil {
		return err
	}
	s.removed(job, removedOutcomes)
	return nil
}

// pruneStaged removes a part, {area}/{organization}/{jobId}[/…], of a job that has ended
// or is gone. A job that is redriven at this moment makes it again; see
// [Options.StagingPrefix].
func (s *Service) pruneStaged(ctx context.Context, object *blob.ListObject, _, name string) error {
	organization, rest, _ := strings.Cut(name, "/")
	id, _, _ := strings.Cut(rest, "/")
	if !jobs.ValidID(id) {
		return nil
	}
	job, err := s.back.Jobs.Get(ctx, id)
	switch {
	case errors.Is(err, jobs.ErrNotFound):
		job = &jobs.Job{ID: id}
	case err != nil:
		return err
	case job.OrganizationID != organization || !job.State.Finished() || !job.DueAt.IsZero() || s.now().Sub(job.FinishedAt) < s.opts.Retention.Staging:
		return nil
	}
	if err := s.removeObject(ctx, object.Key, false); err != nil {
		return err
	}
	s.removed(job, removedStaging)
	return nil
}

// stagedOf returns the prefixes below [Options.StagingPrefix] of a job, or of all jobs of
// an organization if the id is empty: one for each area.
func (s *Service) stagedOf(ctx context.Context, organization, id string) (prefixes []string, err error) {
	areas, err := s.foldersIn(ctx, s.opts.StagingPrefix+"/")
	for _, area := range areas {
		prefixes = append(prefixes, path.Join(area, organization)+"/"+id)
	}
	return prefixes, err
}

// removeStaged removes all parts of a job.
func (s *Service) removeStaged(ctx context.Context, organization, id string) error {
	prefixes, err := s.stagedOf(ctx, organization, id)
	if err != nil {
		return err
	}
	for _, prefix := range prefixes {
		it := s.blobs.Bucket().List(&blob.ListOptions{Prefix: prefix})
		for {
			o, err := it.Next(ctx)
			if err == io.EOF {
				break
			}
			if err == nil {
				err = s.removeObject(ctx, o.Key, false)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
