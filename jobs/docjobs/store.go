package docjobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gocloud.dev/docstore"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/jobs"
)

// ErrTooLarge: the job's record is too large for a document. Nothing was written.
var ErrTooLarge = errors.New("docjobs: the job's record is too large for the database")

// Options of a store; nil, and zero fields, mean the defaults.
type Options struct {
	// MaxRecord is the largest size of a record in bytes of JSON; ErrTooLarge beyond it.
	// Default, and maximum: what the database allows, less the other fields.
	MaxRecord int
	// BeforeQuery is called before each query with the number of documents it needs and
	// access to the driver's query, as in docstore.Query.BeforeQuery. Package dynamojobs
	// needs it. Default: none.
	BeforeQuery func(limit int, asFunc func(any) bool) error
}

// Store keeps jobs in a collection of documents. It is safe for concurrent use, by
// several processes too. Its errors contain no values of a record.
type Store struct {
	coll     *docstore.Collection
	database Database
	opts     Options

	organizations register
}

var _ jobs.Store = (*Store)(nil)

// Open returns a store in an open collection, which the caller closes. The collection must
// have the settings described at [Database]. Open runs every kind of query once, so that a
// missing index is an error now.
func Open(ctx context.Context, coll *docstore.Collection, d Database, opts *Options) (*Store, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	largest, ok := maxRecords[d]
	switch {
	case coll == nil:
		return nil, errors.New("docjobs: a store needs a collection")
	case !ok:
		return nil, fmt.Errorf("docjobs: the database must be one of %q, %q and %q", DynamoDB, Firestore, MongoDB)
	case o.MaxRecord < 0 || o.MaxRecord > largest:
		return nil, fmt.Errorf("docjobs: Options.MaxRecord must be at most %d, the limit of %s", largest, d)
	}
	o.MaxRecord = cmp.Or(o.MaxRecord, largest)
	s := &Store{coll: coll, database: d, opts: o}
	if err := s.check(ctx); err != nil {
		return nil, fmt.Errorf("docjobs: open store: %w", err)
	}
	return s, nil
}

// check runs one query of each kind.
func (s *Store) check(ctx context.Context) error {
	if err := s.Ready(ctx); err != nil {
		return err
	}
	for _, q := range []struct {
		by    string
		query *query
	}{
		{"Org and Place", s.listed(jobs.Query{OrganizationID: "-"}, lastPlace, 1)},
		{"OrgState and Place", s.listed(jobs.Query{OrganizationID: "-", State: jobs.Accepted}, lastPlace, 1)},
		{"DueShard and Due", s.due("0", time.Unix(0, 0), 1)},
		{fieldLine, s.lineAfter(fieldLine, "0", separator, 1)},
		{fieldOpen, s.lineAfter(fieldOpen, "0", separator, 1)},
		{fieldReady, s.lineAfter(fieldReady, "0", separator, 1)},
		{fieldLater, s.lineAfter(fieldLater, "0", separator, 1)},
	} {
		if _, err := s.documents(ctx, q.query, 1); err != nil {
			return fmt.Errorf("query by %s, which needs an index: %w", q.by, err)
		}
	}
	return nil
}

// Create implements [jobs.Store]. It is an error if the organization's id is empty,
// longer than 900 bytes or has control characters.
func (s *Store) Create(ctx context.Context, job *jobs.Job) error {
	next := jobs.Normalize(job)
	next.Revision = 1
	if err := s.create(ctx, next); err != nil {
		if errors.Is(err, jobs.ErrExists) {
			return jobs.ErrExists
		}
		return fmt.Errorf("docjobs: create job: %w", err)
	}
	job.Revision = 1
	return nil
}

func (s *Store) create(ctx context.Context, job *jobs.Job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkOrganization(job.OrganizationID); err != nil {
		return err
	}
	doc, err := s.encode(job)
	if err != nil {
		return err
	}
	doc.Born = newMark()
	if err := s.enroll(ctx, doc.Org); err != nil {
		return err
	}
	if err := s.enter(ctx, doc, &document{}); err != nil {
		return err
	}
	err = s.coll.Create(ctx, doc)
	if gcerrors.Code(err) != gcerrors.AlreadyExists {
		return err
	}
	stored, readErr := s.read(ctx, job.ID, head)
	if readErr != nil {
		return readErr // unknown whether the stored document is this one
	}
	if stored.Born == doc.Born {
		return nil // the driver's first try succeeded and its retry did not
	}
	s.leave(ctx, stored, doc)
	return jobs.ErrExists
}

// Get implements [jobs.Store].
func (s *Store) Get(ctx context.Context, id string) (*jobs.Job, error) {
	doc, err := s.read(ctx, id, nil)
	if errors.Is(err, jobs.ErrNotFound) {
		return nil, jobs.ErrNotFound
	}
	var job *jobs.Job
	if err == nil {
		job, err = doc.job()
	}
	if err != nil {
		return nil, fmt.Errorf("docjobs: read job: %w", err)
	}
	return job, nil
}

// Update implements [jobs.Store].
func (s *Store) Update(ctx context.Context, job *jobs.Job) error {
	err := s.update(ctx, job)
	switch {
	case err == nil:
		job.Revision++
		return nil
	case errors.Is(err, jobs.ErrConflict):
		return jobs.ErrConflict
	case errors.Is(err, jobs.ErrNotFound):
		return jobs.ErrNotFound
	}
	return fmt.Errorf("docjobs: update job: %w", err)
}

func (s *Store) update(ctx context.Context, job *jobs.Job) error {
	was, err := s.read(ctx, job.ID, head)
	if err != nil {
		return err
	}
	if was.Revision != job.Revision {
		return jobs.ErrConflict
	}
	created, ok := createdAt(was.Place)
	if !ok || was.DocstoreRevision == nil { // the replacement would be unconditional
		return errRecord
	}
	next := jobs.Normalize(job)
	next.Revision++
	next.OrganizationID, next.CreatedAt = was.Org, created // can't be changed
	doc, err := s.encode(next)
	if err != nil {
		return err
	}
	mark := newMark()
	doc.Born, doc.Marks, doc.DocstoreRevision = was.Born, addMark(was.Marks, mark), was.DocstoreRevision
	if err := s.enter(ctx, doc, was); err != nil {
		return err
	}
	err = s.coll.Replace(ctx, doc)
	switch gcerrors.Code(err) {
	case gcerrors.FailedPrecondition, gcerrors.NotFound:
		err = s.resolveConflict(ctx, job, doc, mark, err)
	}
	if err == nil {
		s.leave(ctx, doc, was)
	}
	return err
}

// resolveConflict decides whether an update whose precondition failed was made all the
// same. A driver that lost the answer to a write retries it and conflicts with its own
// first try. If the first try succeeded, its mark is in the document.
func (s *Store) resolveConflict(ctx context.Context, job *jobs.Job, doc *document, mark string, failed error) error {
	stored, err := s.read(ctx, job.ID, head)
	if err != nil {
		return err
	}
	ago := stored.Revision - job.Revision - 1 // updates since this one
	switch {
	case hasMark(stored.Marks, mark, ago):
		return nil
	case ago < 0 || ago >= keptMarks && s.database.repeats():
		return failed // another reason, or too many updates ago to know
	}
	s.leave(ctx, stored, doc)
	return jobs.ErrConflict
}

// Ready implements [jobs.Store]. It only reads a document, consistently: a document
// database can't be asked whether it accepts writes.
func (s *Store) Ready(ctx context.Context) error {
	if _, err := s.read(ctx, noJob, head); err != nil && !errors.Is(err, jobs.ErrNotFound) {
		return fmt.Errorf("docjobs: read a document: %w", err)
	}
	return nil
}

// noJob is not the id of any job.
const noJob = "none"

// List implements [jobs.Store].
func (s *Store) List(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
	place := lastPlace
	if q.Cursor != "" {
		c, err := jobs.ParseCursor(q.Cursor)
		if err != nil {
			return nil, err
		}
		place = placeOf(c)
	}
	page := &jobs.Page{}
	if checkOrganization(q.OrganizationID) != nil {
		return page, ctx.Err() // it can't have jobs
	}
	limit := q.PageSize()
	docs, err := s.documents(ctx, s.listed(q, place, limit+1), limit+1)
	if err != nil {
		return nil, fmt.Errorf("docjobs: list jobs: %w", err)
	}
	if len(docs) > limit {
		docs = docs[:limit]
		if page.Next, err = cursorAfter(docs); err != nil {
			return nil, fmt.Errorf("docjobs: list jobs: %w", err)
		}
	}
	page.Jobs, err = s.found(ctx, docs)
	if err != nil {
		err = fmt.Errorf("docjobs: list jobs: %w", err)
	}
	if err != nil && !errors.Is(err, jobs.ErrRecord) {
		return nil, err
	}
	if q.State != "" {
		page.Jobs = slices.DeleteFunc(page.Jobs, func(j *jobs.Job) bool { return j.State != q.State })
	}
	return page, err
}

// cursorAfter returns the cursor after the last document whose place can be read. The next
// page starts with any unreadable ones after it.
func cursorAfter(docs []*document) (string, error) {
	for _, d := range slices.Backward(docs) {
		if created, ok := createdAt(d.Place); ok {
			return jobs.Cursor{CreatedAt: created, ID: d.ID}.String(), nil
		}
	}
	return "", errRecord
}

// Due implements [jobs.Store].
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
	if limit <= 0 {
		return nil, ctx.Err()
	}
	var shards [dueShards][]*document
	err := each(ctx, dueShards, func(ctx context.Context, n int) (err error) {
		shards[n], err = s.documents(ctx, s.due(strconv.Itoa(n), now, limit), limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("docjobs: read due jobs: %w", err)
	}
	docs := longestDue(shards[:leaseShards], limit)
	docs = append(docs, longestDue(shards[leaseShards:], limit-len(docs))...)
	found, err := s.found(ctx, docs)
	if err != nil {
		err = fmt.Errorf("docjobs: read due jobs: %w", err)
	}
	// If indexes lag, the jobs may have changed.
	found = slices.DeleteFunc(found, func(j *jobs.Job) bool { return j.DueAt.IsZero() || j.DueAt.After(now) })
	jobs.SortDue(found)
	return found, err
}

// longestDue returns the documents of several shards that have been due for longest.
func longestDue(shards [][]*document, limit int) []*document {
	docs := slices.Concat(shards...)
	slices.SortFunc(docs, func(a, b *document) int { return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.ID, b.ID)) })
	return docs[:min(limit, len(docs))]
}
