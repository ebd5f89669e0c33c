package docjobs

import (
	"context"
	"maps"
	"strconv"
	"strings"

	"gocloud.dev/docstore"
	"gocloud.dev/gcerrors"
)

// Where indexes lag, they can't tell whose turn it is. There an organization's line
// is documents of their own in the same table, an item for each job that stands in
// it, whose keys are read as last written.
//
// Every job that stands in a line has its item, whatever is cut off where: the item
// is written before the job that enters, and deleted after the job that left. So
// there may be items of jobs that do not stand there, or not yet, and who reads items
// looks at the jobs themselves.
//
// An item says for which revision of its job it was written. It may be deleted once
// the job has that revision or a later one and does not stand in the line: the writer
// of the item is done then, or lost. Who enters later writes the item again, which
// changes its docstore revision, and the deletion fails.

// item is a place in a line.
type item struct {
	ID       string // the line, and the organization's shard
	Sort     string // organization and place
	Job      string
	Revision int64

	DocstoreRevision any
}

// lineKey is the partition of a shard of a line. It is no job's id.
func lineKey(line, shard string) string { return line + " " + shard }

// organizationOf is the organization of a place in a line.
func organizationOf(stand string) string {
	org, _, _ := strings.Cut(stand, separator)
	return org
}

// shardsOf are the shards of a line that have an organization's jobs, or all jobs.
func (s *Store) shardsOf(organization string) []string {
	switch {
	case organization != "":
		return []string{shard(organization, lineShards)}
	case !s.database.lags():
		return []string{""} // it has none
	}
	var all []string
	for n := range lineShards {
		all = append(all, strconv.Itoa(n))
	}
	return all
}

// stand are the places in a shard of a line, those behind one of them.
func (s *Store) stand(line, shard, from string, limit int) *query {
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

// lines are where a document stands.
func (d *document) lines() map[string]string {
	all := map[string]string{fieldLine: d.Line, fieldOpen: d.Open, fieldReady: d.Ready, fieldLater: d.Later}
	maps.DeleteFunc(all, func(_, stand string) bool { return stand == "" })
	return all
}

// enter writes the items of the lines that a document is about to stand in, and did
// not before.
func (s *Store) enter(ctx context.Context, doc, was *document) error {
	if !s.database.lags() {
		return nil
	}
	var items []*item
	stood := was.lines()
	for line, stand := range doc.lines() {
		if stood[line] != stand {
			items = append(items, &item{ID: lineKey(line, shard(doc.Org, lineShards)), Sort: stand, Job: doc.ID, Revision: doc.Revision})
		}
	}
	return each(ctx, len(items), func(ctx context.Context, n int) error { return s.place(ctx, items[n]) })
}

// place writes an item, and never over one of the same or a later revision: with an
// older one in its place, it could be deleted before its job is written.
func (s *Store) place(ctx context.Context, it *item) error {
	for try := 0; ; try++ {
		err := s.coll.Create(ctx, it)
		if gcerrors.Code(err) != gcerrors.AlreadyExists {
			return err
		}
		there := &item{ID: it.ID, Sort: it.Sort}
		if err = s.coll.Get(ctx, there); err == nil {
			if there.Revision >= it.Revision {
				return nil
			}
			there.Revision = it.Revision
			err = s.coll.Replace(ctx, there)
		}
		switch gcerrors.Code(err) {
		case gcerrors.NotFound, gcerrors.FailedPrecondition: // somebody came between
			if try == maxTries {
				return err
			}
		default:
			return err
		}
	}
}

// maxTries is how often an item is written again, where others write it too.
const maxTries = 20

// leave deletes the items of the lines that a document stood in. Who can't leaves it
// to those who read the line.
func (s *Store) leave(ctx context.Context, doc, was *document) {
	if !s.database.lags() {
		return
	}
	stands := doc.lines()
	for line, stand := range was.lines() {
		if stands[line] == stand {
			continue
		}
		it := &item{ID: lineKey(line, shard(organizationOf(stand), lineShards)), Sort: stand}
		if s.coll.Get(ctx, it) == nil && it.Job == was.ID && doc.Revision >= it.Revision {
			s.drop(ctx, it)
		}
	}
}

// drop deletes an item that was read, unless it was written again.
func (s *Store) drop(ctx context.Context, it *item) {
	if it.DocstoreRevision != nil {
		_ = s.coll.Delete(ctx, it) // it is passed over again the next time
	}
}
