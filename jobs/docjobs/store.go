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

// ErrTooLarge: the job's record is larger than a document may be. Nothing was
// written.
var ErrTooLarge = errors.New("docjobs: the job's record is too large for the database")

// Options of a store; nil, and zero fields, mean the defaults.
type Options struct {
	// MaxRecord is how many bytes of JSON a record may have; ErrTooLarge beyond it.
	// It must not be negative, nor larger than the default, which is what the
	// database takes less what is stored beside the record.
	MaxRecord int
	// BeforeQuery is called before a query, with the number of documents that it
	// wants, and with what gives access to the driver's own query, as in
	// docstore.Query.BeforeQuery. Package dynamojobs needs it. Default: none.
	BeforeQuery func(limit int, asFunc func(any) bool) error
}

// Store keeps jobs in a collection of documents. It is safe for concurrent use, by
// several processes. Its errors hold no values of a record.
type Store struct {
	coll     *docstore.Collection
	database Database
	opts     Options

	organizations register
}

var _ jobs.Store = (*Store)(nil)

// Open returns a store in an open collection, which stays the caller's to close. The
// collection's settings must be those that [Database] says. It asks every question
// that the store will ask, once: an index that is missing is an error now.
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
		return nil, fmt.Errorf("docjobs: Options.MaxRecord must be at most %d, which is what %s takes", largest, d)
	}
	o.MaxRecord = cmp.Or(o.MaxRecord, largest)
	s := &Store{coll: coll, database: d, opts: o}
	if err := s.check(ctx); err != nil {
		return nil, fmt.Errorf("docjobs: open store: %w", err)
	}
	return s, nil
}

// check asks one question of each kind.
func (s *Store) check(ctx context.Context) error {
	if err := s.Ready(ctx); err != nil {
		return err
	}
	for _, q := range []question{
		{"Org and Place", s.listed(jobs.Query{OrganizationID: "-"}, lastPlace, 1)},
		{"OrgState and Place", s.listed(jobs.Query{OrganizationID: "-", State: jobs.Accepted}, lastPlace, 1)},
		{"DueShard and Due", s.due("0", time.Unix(0, 0), 1)},
		{fieldLine, s.stand(fieldLine, "0", separator, 1)},
		{fieldOpen, s.stand(fieldOpen, "0", separator, 1)},
		{fieldReady, s.stand(fieldReady, "0", separator, 1)},
		{fieldLater, s.stand(fieldLater, "0", separator, 1)},
	} {
		if _, err := s.documents(ctx, q.query, 1); err != nil {
			return fmt.Errorf("ask by %s, which takes an index: %w", q.by, err)
		}
	}
	return nil
}

type question struct {
	by    string
	query *query
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
	there, readErr := s.read(ctx, job.ID, head)
	if readErr != nil {
		return readErr // whether it was this one is not known
	}
	if there.Born == doc.Born {
		return nil // the driver tried twice, and the first try was made
	}
	s.leave(ctx, there, doc)
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
	if !ok || was.DocstoreRevision == nil { // a replacement would overwrite whatever is there
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
		err = s.settle(ctx, job, doc, mark, err)
	}
	if err == nil {
		s.leave(ctx, doc, was)
	}
	return err
}

// settle says what became of an update whose precondition did not hold. A driver
// that lost the answer to a write makes it again, and fails over its own first try:
// the mark of a write that was made is in the document.
func (s *Store) settle(ctx context.Context, job *jobs.Job, doc *document, mark string, failed error) error {
	there, err := s.read(ctx, job.ID, head)
	if err != nil {
		return err
	}
	ago := there.Revision - job.Revision - 1 // updates since the one that this was, or would have been
	switch {
	case hasMark(there.Marks, mark, ago):
		return nil
	case ago < 0 || ago >= keptMarks && s.database.repeats():
		return failed // another reason, or too long ago to tell
	}
	s.leave(ctx, there, doc) // where it would have stood
	return jobs.ErrConflict
}

// Ready implements [jobs.Store]. It reads a document, consistently: what a document
// database would say to a write is only known after one.
func (s *Store) Ready(ctx context.Context) error {
	if _, err := s.read(ctx, nobody, head); err != nil && !errors.Is(err, jobs.ErrNotFound) {
		return fmt.Errorf("docjobs: read a document: %w", err)
	}
	return nil
}

// nobody is the id of no job.
const nobody = "none"

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
		return page, ctx.Err() // there are no jobs of it
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

// cursorAfter is the cursor that leads past documents of a list. A document whose place
// can't be read, and that is the last of them, is found again by the next page, which
// has others after it.
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
	// What was read again may have changed.
	found = slices.DeleteFunc(found, func(j *jobs.Job) bool { return j.DueAt.IsZero() || j.DueAt.After(now) })
	jobs.SortDue(found)
	return found, err
}

// longestDue are the documents of several shards that have been due for longest.
func longestDue(shards [][]*document, limit int) []*document {
	docs := slices.Concat(shards...)
	slices.SortFunc(docs, func(a, b *document) int { return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.ID, b.ID)) })
	return docs[:min(limit, len(docs))]
}
