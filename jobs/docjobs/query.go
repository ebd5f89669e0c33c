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

// query is a docstore.Query, and the fields to read if indexes lag. A query has one
// condition on the field that it is ordered by, because DynamoDB allows no more on a sort
// key.
type query struct {
	*docstore.Query
	fields []docstore.FieldPath
}

// listed queries an organization's jobs that are older than a place.
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

// due queries the due jobs of a shard.
func (s *Store) due(shard string, now time.Time, limit int) *query {
	return &query{
		s.coll.Query().Where(fieldDueShard, "=", shard).Where(fieldDue, "<=", sortable(now)).
			OrderBy(fieldDue, docstore.Ascending).Limit(limit),
		[]docstore.FieldPath{KeyField, fieldDue},
	}
}

// documents runs a query. If indexes lag, the documents have only the query's fields.
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

// read reads some fields of a document consistently, or all if fields is empty.
// ErrNotFound if there is none.
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
	if err == nil && d.Place == "" { // the driver got no answer but returned no error
		err = errRecord
	}
	if gcerrors.Code(err) == gcerrors.NotFound {
		// The driver also reports a failed cursor as not found.
		err = cmp.Or(ctx.Err(), jobs.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// key returns a job's document with only its key.
func (s *Store) key(id string) *document {
	d := &document{ID: id}
	if s.database.lags() {
		d.Sort = sortOfJob
	}
	return d
}

// encode returns the job's document. ErrTooLarge if the record is too large.
func (s *Store) encode(job *jobs.Job) (*document, error) {
	d, err := newDocument(job)
	if err != nil {
		return nil, err
	}
	if len(d.Record) > s.opts.MaxRecord {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrTooLarge, len(d.Record), s.opts.MaxRecord)
	}
	d.Sort = s.key("").Sort
	return d, nil
}

// found decodes the jobs of documents that a query found, in order. It returns readable
// jobs together with the error for unreadable ones. If indexes lag, it reads the documents
// again, because the index has neither the record nor the last write.
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

// again reads documents again, consistently, each once. It leaves out deleted ones.
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
			// The driver also reports documents as missing that did not fit in its batch.
			var err error
			key := d
			switch d, err = s.read(ctx, d.ID, nil); {
			case errors.Is(err, jobs.ErrNotFound):
				continue
			case errors.Is(err, jobs.ErrRecord): // counted as unreadable by found
				d = key
			case err != nil:
				return nil, err
			}
		}
		there = append(there, d)
	}
	return there, nil
}

// each calls f for 0 to n-1 concurrently, waits for all, and returns the first error.
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
