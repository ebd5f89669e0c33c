package docjobs

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"gocloud.dev/docstore"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/jobs"
)

// Delete implements [jobs.Store].
func (s *Store) Delete(ctx context.Context, job *jobs.Job) error {
	err := s.remove(ctx, job)
	switch {
	case errors.Is(err, jobs.ErrConflict):
		return jobs.ErrConflict
	case errors.Is(err, jobs.ErrNotFound):
		return jobs.ErrNotFound
	case err != nil:
		return fmt.Errorf("docjobs: delete job: %w", err)
	}
	return nil
}

func (s *Store) remove(ctx context.Context, job *jobs.Job) error {
	was, err := s.read(ctx, job.ID, nil)
	if err != nil {
		return err
	}
	if was.Revision != job.Revision {
		return jobs.ErrConflict
	}
	if was.DocstoreRevision == nil { // the deletion would be unconditional
		return errRecord
	}
	if was, err = s.leaveLines(ctx, was); err != nil {
		return err
	}
	err = s.coll.Delete(ctx, was)
	switch gcerrors.Code(err) {
	case gcerrors.FailedPrecondition, gcerrors.NotFound:
		// A concurrent change, or the driver's retry of its own write.
		if _, err := s.read(ctx, job.ID, head); err != nil {
			return err
		}
		return jobs.ErrConflict
	}
	return err
}

// leaveLines removes the items of a document that is about to be deleted, and returns
// the document as updated. Readers of a line can't tell the item of a deleted job from
// that of a job that is still to be written. So the items are deleted before the job, and
// before them the fields that say that there are items.
func (s *Store) leaveLines(ctx context.Context, doc *document) (*document, error) {
	if !s.database.lags() {
		return doc, nil
	}
	positions := doc.lines()
	if len(positions) > 0 {
		doc.Line, doc.Open, doc.Ready, doc.Later = "", "", "", ""
		doc.Revision++
		doc.Marks = addMark(doc.Marks, newMark())
		if err := s.coll.Replace(ctx, doc); err != nil {
			switch gcerrors.Code(err) {
			case gcerrors.FailedPrecondition, gcerrors.NotFound:
				return nil, jobs.ErrConflict // or the driver's retry of its own write
			}
			return nil, err
		}
	}
	for _, line := range []string{fieldLine, fieldOpen, fieldReady} { // an interrupted writer may have left them
		positions[line] = doc.Org + separator + doc.Place
	}
	for line, position := range positions {
		it := &item{ID: lineKey(line, shard(doc.Org, lineShards)), Sort: position}
		err := s.coll.Get(ctx, it)
		if err == nil {
			err = s.coll.Delete(ctx, it)
		}
		switch {
		case err == nil, gcerrors.Code(err) == gcerrors.NotFound:
		case gcerrors.Code(err) == gcerrors.FailedPrecondition: // rewritten by a concurrent update
			return nil, jobs.ErrConflict
		default:
			return nil, fmt.Errorf("remove the job's item of a line: %w", err)
		}
	}
	return doc, nil
}

// A collection can't be queried for the distinct values of a field. So each organization
// has its own document, in a shard of the index of due times that has no jobs. It is
// written before the organization's first job and never removed.

// enrolled is the document of an organization that has, or had, a job.
type enrolled struct {
	ID       string
	Sort     string `docstore:",omitempty"`
	DueShard string
	Due      string // the organization
}

const (
	sortOfOrganization  = "organization"
	shardOfOrganization = "organizations"
	maxEnrolled         = 10_000 // remembered by a process
)

// register remembers the organizations that this process has enrolled.
type register struct {
	mu    sync.Mutex
	known map[string]bool
}

func (r *register) has(org string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[org]
}

func (r *register) add(org string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= maxEnrolled {
		clear(r.known)
	}
	if r.known == nil {
		r.known = make(map[string]bool)
	}
	r.known[org] = true
}

// enroll creates the document of an organization before its first job is created.
func (s *Store) enroll(ctx context.Context, org string) error {
	if s.organizations.has(org) {
		return nil
	}
	doc := &enrolled{ID: "organization-" + jobs.DerivedID("organization", org), DueShard: shardOfOrganization, Due: org}
	if s.database.lags() {
		doc.Sort = sortOfOrganization
	}
	if err := s.coll.Create(ctx, doc); err != nil && gcerrors.Code(err) != gcerrors.AlreadyExists {
		return fmt.Errorf("enroll organization: %w", err)
	}
	s.organizations.add(org)
	return nil
}

// Organizations implements [jobs.Store]. An organization whose jobs were all created by a
// version without this method is missing. On DynamoDB, organizations of the last second
// may be missing too.
func (s *Store) Organizations(ctx context.Context, after string, limit int) ([]string, error) {
	if limit <= 0 {
		return nil, ctx.Err()
	}
	limit = min(limit, jobs.MaxPage)
	docs, err := s.documents(ctx, s.organizationsAfter(after, limit), limit)
	if err != nil {
		return nil, fmt.Errorf("docjobs: read organizations: %w", err)
	}
	var found []string
	for _, d := range docs {
		found = append(found, d.Due)
	}
	return found, nil
}

func (s *Store) organizationsAfter(after string, limit int) *query {
	return &query{
		s.coll.Query().Where(fieldDueShard, "=", shardOfOrganization).Where(fieldDue, ">", after).
			OrderBy(fieldDue, docstore.Ascending).Limit(limit),
		[]docstore.FieldPath{KeyField, fieldDue},
	}
}
