package docjobs

import (
	"context"
	"maps"
	"strconv"
	"strings"

	"gocloud.dev/docstore"
	"gocloud.dev/gcerrors"
)

// Indexes that lag can't say which job is next. On such a database a line consists of
// items, extra documents in the same table, one for each job in the line. They are read
// consistently by their keys.
//
// Every job in a line has its item, wherever a writer is interrupted: the item is written
// before the job that enters the line, and deleted after the job that left it. So there
// may be items of jobs that are not in the line, or not yet, and readers of items check
// the jobs themselves.
//
// An item has the revision of its job for which it was written. It may be deleted once the
// job has that revision or a later one and is not in the line: then the writer of the item
// is done, or lost. If the job enters the line again, the item is rewritten. That changes
// its docstore revision, so a concurrent deletion fails.

// item is a position in a line.
type item struct {
	ID       string // line and shard of the organization
	Sort     string // organization and place
	Job      string
	Revision int64

	DocstoreRevision any
}

// lineKey returns the partition key of a shard of a line. It is not a valid job id.
func lineKey(line, shard string) string { return line + " " + shard }

// organizationOf returns the organization of a position in a line.
func organizationOf(position string) string {
	org, _, _ := strings.Cut(position, separator)
	return org
}

// shardsOf returns the shards of a line that have an organization's jobs, or all shards.
func (s *Store) shardsOf(organization string) []string {
	switch {
	case organization != "":
		return []string{shard(organization, lineShards)}
	case !s.database.lags():
		return []string{""} // there are no shards
	}
	var all []string
	for n := range lineShards {
		all = append(all, strconv.Itoa(n))
	}
	return all
}

// lineAfter queries the positions in a shard of a line after one of them.
func (s *Store) lineAfter(line, shard, from string, limit int) *query {
	if s.database.lags() {
		return &query{
			s.coll.Query().Where(KeyField, "=", lineKey(line, shard)).Where(SortField, ">", from).
				OrderBy(SortField, docstore.Ascending).Limit(limit),
			[]docstore.FieldPath{KeyField, SortField},
		}
	}
	return &query{
		s.coll.Query().Where(docstore.FieldPath(line), ">", from).OrderBy(line, docstore.Ascending).Limit(limit),
		nil,
	}
}

// lines returns the lines that a document is in, with its position in each.
func (d *document) lines() map[string]string {
	all := map[string]string{fieldLine: d.Line, fieldOpen: d.Open, fieldReady: d.Ready, fieldLater: d.Later}
	maps.DeleteFunc(all, func(_, position string) bool { return position == "" })
	return all
}

// enter writes the items of the lines that a document is about to enter.
func (s *Store) enter(ctx context.Context, doc, was *document) error {
	if !s.database.lags() {
		return nil
	}
	var items []*item
	before := was.lines()
	for line, position := range doc.lines() {
		if before[line] != position {
			items = append(items, &item{ID: lineKey(line, shard(doc.Org, lineShards)), Sort: position, Job: doc.ID, Revision: doc.Revision})
		}
	}
	return each(ctx, len(items), func(ctx context.Context, n int) error { return s.place(ctx, items[n]) })
}

// place writes an item, but never over one of the same or a later revision: an item with
// an older revision could be deleted before its job is written.
func (s *Store) place(ctx context.Context, it *item) error {
	for try := 0; ; try++ {
		err := s.coll.Create(ctx, it)
		if gcerrors.Code(err) != gcerrors.AlreadyExists {
			return err
		}
		stored := &item{ID: it.ID, Sort: it.Sort}
		if err = s.coll.Get(ctx, stored); err == nil {
			if stored.Revision >= it.Revision {
				return nil
			}
			stored.Revision = it.Revision
			err = s.coll.Replace(ctx, stored)
		}
		switch gcerrors.Code(err) {
		case gcerrors.NotFound, gcerrors.FailedPrecondition: // changed concurrently
			if try == maxTries {
				return err
			}
		default:
			return err
		}
	}
}

// maxTries is how often place retries after concurrent writes.
const maxTries = 20

// leave deletes the items of the lines that a document left. Errors are ignored: readers
// of the line delete what is left over.
func (s *Store) leave(ctx context.Context, doc, was *document) {
	if !s.database.lags() {
		return
	}
	after := doc.lines()
	for line, position := range was.lines() {
		if after[line] == position {
			continue
		}
		it := &item{ID: lineKey(line, shard(organizationOf(position), lineShards)), Sort: position}
		if s.coll.Get(ctx, it) == nil && it.Job == was.ID && doc.Revision >= it.Revision {
			s.drop(ctx, it)
		}
	}
}

// drop deletes an item that was read, unless it was rewritten since.
func (s *Store) drop(ctx context.Context, it *item) {
	if it.DocstoreRevision != nil {
		_ = s.coll.Delete(ctx, it) // after an error, the next reader skips it again
	}
}
