package docjobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"gocloud.dev/docstore"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/jobs"
)

// query is a docstore.Query, and the fields that an index which lags has of its
// documents. Of the field that it is ordered by, a query has one bound and no more:
// DynamoDB takes one condition on a sort key.
type query struct {
	*docstore.Query
	fields []docstore.FieldPath
}

// listed are an organization's jobs that are older than a place.
func (s *Store) listed(q jobs.Query, place string, limit int) *query {
	field, value := docstore.FieldPath(fieldOrg), q.OrganizationID
	if q.State != "" {
		field, value = fieldOrgState, q.OrganizationID+separator+string(q.State)
	}
	return &query{
		s.coll.Query().Where(field, "=", value).Where(fieldPlace, "<", place).
			OrderBy(fieldPlace, docstore.Descending).Limit(limit),
		[]docstore.FieldPath{KeyField, fieldPlace},
	}
}

// due are the jobs of a shard that are due.
func (s *Store) due(shard string, now time.Time, limit int) *query {
	return &query{
		s.coll.Query().Where(fieldDueShard, "=", shard).Where(fieldDue, "<=", sortable(now)).
			OrderBy(fieldDue, docstore.Ascending).Limit(limit),
		[]docstore.FieldPath{KeyField, fieldDue},
	}
}

// documents runs a query. Where indexes lag, they have only the fields of it.
func (s *Store) documents(ctx context.Context, q *query, limit int) (docs []*document, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var fields []docstore.FieldPath
	if s.database.lags() {
		fields = q.fields
	}
	if s.opts.BeforeQuery != nil {
		q.BeforeQuery(func(asFunc func(any) bool) error { return s.opts.BeforeQuery(limit, asFunc) })
	}
	it := q.Get(ctx, fields...)
	defer it.Stop()
	for {
		d := &document{}
		switch err := it.Next(ctx, d); {
		case err == io.EOF:
			return docs, ctx.Err()
		case err != nil:
			return nil, err
		}
		docs = append(docs, d)
	}
}

// read reads a document as last written; ErrNotFound. fields are all if there are
// none.
func (s *Store) read(ctx context.Context, id string, fields []string) (*document, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d := s.key(id)
	paths := make([]docstore.FieldPath, 0, len(fields)+1)
	for _, f := range fields {
		paths = append(paths, docstore.FieldPath(f))
	}
	if len(fields) > 0 {
		paths = append(paths, docstore.FieldPath(docstore.DefaultRevisionField))
	}
	err := s.coll.Get(ctx, d, paths...)
	if err == nil && d.Place == "" { // the driver came to no answer and did not say so
		err = errRecord
	}
	if gcerrors.Code(err) == gcerrors.NotFound {
		// A cursor that failed looks like one that found nothing.
		err = cmp.Or(ctx.Err(), jobs.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// key is a job's document with nothing but its key.
func (s *Store) key(id string) *document {
	d := &document{ID: id}
	if s.database.lags() {
		d.Sort = sortOfJob
	}
	return d
}

// encode is the job's document. ErrTooLarge.
func (s *Store) encode(job *jobs.Job) (*document, error) {
	d, err := newDocument(job)
	if err != nil {
		return nil, err
	}
	if len(d.Record) > s.opts.MaxRecord {
		return nil, fmt.Errorf("%w: %d bytes, and at most %d", ErrTooLarge, len(d.Record), s.opts.MaxRecord)
	}
	d.Sort = s.key("").Sort
	return d, nil
}

// found are the jobs of documents that a query found, in their order. Those that
// can be read are returned even where others can't. Where indexes lag, they are read
// again: a job is returned as it was last written, and the index has no copy of it.
func (s *Store) found(ctx context.Context, docs []*document) ([]*jobs.Job, error) {
	if s.database.lags() {
		var err error
		if docs, err = s.again(ctx, docs); err != nil {
			return nil, err
		}
	}
	var all []*jobs.Job
	for _, d := range docs {
		if job, err := d.job(); err == nil {
			all = append(all, job)
		}
	}
	if unreadable := len(docs) - len(all); unreadable > 0 {
		return all, fmt.Errorf("%d of %d: %w", unreadable, len(docs), errRecord)
	}
	return all, nil
}

// again reads documents again, each once, and as they were last written. Those that
// are gone are left out.
func (s *Store) again(ctx context.Context, docs []*document) ([]*document, error) {
	if len(docs) == 0 {
		return nil, ctx.Err()
	}
	actions := s.coll.Actions()
	seen := make(map[string]bool, len(docs))
	var asked []*document
	for _, d := range docs {
		if !seen[d.ID] {
			seen[d.ID] = true
			asked = append(asked, s.key(d.ID))
			actions.Get(asked[len(asked)-1])
		}
	}
	missing := make([]bool, len(asked))
	var failed docstore.ActionListError
	if err := actions.Do(ctx); errors.As(err, &failed) {
		for _, f := range failed {
			if f.Index < 0 || gcerrors.Code(f.Err) != gcerrors.NotFound {
				return nil, f.Err
			}
			missing[f.Index] = true
		}
	} else if err != nil {
		return nil, err
	}
	there := asked[:0]
	for i, d := range asked {
		if missing[i] || d.Place == "" {
			// The driver says this too of what a batch had no room or no time for.
			var err error
			key := d
			switch d, err = s.read(ctx, d.ID, nil); {
			case errors.Is(err, jobs.ErrNotFound):
				continue
			case errors.Is(err, jobs.ErrRecord): // it is counted as one that can't be read
				d = key
			case err != nil:
				return nil, err
			}
		}
		there = append(there, d)
	}
	return there, nil
}

// each calls f for 0 to n-1 at once, and waits for all. It returns the first error.
func each(ctx context.Context, n int, f func(ctx context.Context, n int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var once sync.Once
	var first error
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := f(ctx, i); err != nil {
				once.Do(func() { first = err; cancel() })
			}
		})
	}
	wg.Wait()
	return first
}
