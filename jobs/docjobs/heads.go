package docjobs

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/fhirdock/fhirdock/jobs"
)

// Bounds of how many documents a walk along a line reads at a time.
const (
	minStep = 8
	maxStep = 128
)

// Heads implements [jobs.Scheduler]. On DynamoDB it reads items that are kept for
// this, not an index, which would lag.
func (s *Store) Heads(ctx context.Context, q jobs.HeadsQuery) ([]*jobs.Job, error) {
	found, err := s.heads(ctx, q)
	if err != nil {
		err = fmt.Errorf("docjobs: read heads: %w", err)
	}
	return found, err
}

func (s *Store) heads(ctx context.Context, q jobs.HeadsQuery) ([]*jobs.Job, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	organizations, perOrganization := q.Bounds()
	w := &walk{s: s, standing: q.Standing, line: fieldLine, organizations: organizations, each: perOrganization}
	if q.Standing == jobs.Unsettled {
		// Which organizations have heads, says one unfinished job of each.
		w.standing, w.each = jobs.Unfinished, 1
	}
	if q.OrganizationID != "" {
		if checkOrganization(q.OrganizationID) != nil {
			return nil, nil
		}
		w.one = q.OrganizationID
		w.along(ctx, shard(w.one, lineShards), w.one+separator)
	} else if err := w.all(ctx, q.After); err != nil {
		return nil, err
	}
	if q.Standing == jobs.Unsettled && w.failed == nil {
		return s.unsettled(ctx, w, perOrganization)
	}
	return w.heads, w.outcome()
}

// unsettled are the oldest jobs of the organizations of a walk, those that failed
// among them. One field has both kinds: with one for each, a job that changes from
// one to the other meanwhile could be in neither.
func (s *Store) unsettled(ctx context.Context, unfinished *walk, perOrganization int) ([]*jobs.Job, error) {
	all := &walk{unreadable: unfinished.unreadable}
	for _, head := range unfinished.heads {
		w := &walk{s: s, standing: jobs.Unsettled, line: fieldOpen, organizations: 1, each: perOrganization, one: head.OrganizationID}
		w.along(ctx, shard(w.one, lineShards), w.one+separator)
		if w.failed != nil {
			return nil, w.failed
		}
		all.heads = append(all.heads, w.heads...)
		all.unreadable += w.unreadable
	}
	return all.heads, all.outcome()
}

// walk goes along a line and takes the first jobs of each organization. It jumps
// from one organization to the next, and not over the jobs of one.
type walk struct {
	s             *Store
	standing      jobs.Standing
	line          string
	organizations int // at most
	each          int
	one           string // only this organization; empty for all

	heads      []*jobs.Job // as found, in order
	unreadable int
	failed     error // what ended it
}

func (w *walk) outcome() error {
	if w.failed == nil && w.unreadable > 0 {
		return fmt.Errorf("%d beside %d: %w", w.unreadable, len(w.heads), errRecord)
	}
	return w.failed
}

// all goes along the line of all organizations behind one. Where the line is in
// shards, it goes along each of them, and takes the first of all together.
func (w *walk) all(ctx context.Context, after string) error {
	from := separator
	if after != "" {
		from = after + behind
	}
	if !w.s.database.lags() {
		w.along(ctx, "0", from)
		return w.failed
	}
	shards := make([]walk, lineShards)
	err := each(ctx, lineShards, func(ctx context.Context, n int) error {
		shards[n] = *w
		shards[n].along(ctx, strconv.Itoa(n), from)
		return shards[n].failed
	})
	for i := range shards {
		w.heads = append(w.heads, shards[i].heads...)
		w.unreadable += shards[i].unreadable
	}
	slices.SortFunc(w.heads, byPlace)
	w.cut()
	return err
}

// cut drops the organizations that are too many.
func (w *walk) cut() {
	n, org := 0, ""
	for i, j := range w.heads {
		if i == 0 || j.OrganizationID != org {
			if org = j.OrganizationID; n == w.organizations {
				w.heads = w.heads[:i]
				return
			}
			n++
		}
	}
}

// along goes along a shard of the line, from a place on.
func (w *walk) along(ctx context.Context, shard, from string) {
	step := min(max(minStep, 2*w.each), maxStep)
	orgs, taken, org := 0, 0, ""
	for {
		docs, err := w.s.documents(ctx, w.s.stand(w.line, shard, from, step), step)
		if err != nil {
			w.failed = err
			return
		}
		stands, found, err := w.s.standing(ctx, w.line, docs)
		if err != nil {
			w.failed = err
			return
		}
		seen := map[string]bool{}
		for i, d := range found {
			of := organizationOf(stands[i])
			if w.one != "" && of != w.one {
				return
			}
			seen[of] = true
			if of != org {
				org, taken = of, 0
			}
			if taken == w.each || d == nil {
				continue
			}
			job, err := d.job()
			if err != nil {
				w.unreadable++
				continue
			}
			if !w.standing.Has(job) {
				continue
			}
			if taken == 0 {
				if orgs == w.organizations {
					return
				}
				orgs++
			}
			taken++
			w.heads = append(w.heads, job)
		}
		done := taken == w.each && (w.one != "" || orgs == w.organizations)
		if len(docs) < step || done {
			return
		}
		if from = stands[len(stands)-1]; taken == w.each {
			from = org + behind
		}
		switch { // many of few, or few of many
		case len(seen) == 1 && taken == w.each:
			step = max(minStep, step/2)
		case len(seen) > 2 || taken < w.each:
			step = min(2*step, maxStep)
		}
	}
}

// standing are the places that a query found, and the documents of their jobs; nil
// for one that is not there.
func (s *Store) standing(ctx context.Context, line string, docs []*document) (stands []string, found []*document, err error) {
	stands = make([]string, len(docs))
	if !s.database.lags() {
		for i, d := range docs {
			stands[i] = d.lines()[line]
		}
		return stands, docs, nil
	}
	// Of an item, the place ends with the job's id.
	asked := make([]*document, len(docs))
	for i, d := range docs {
		stands[i] = d.Sort
		asked[i] = &document{ID: d.Sort[max(0, len(d.Sort)-idLength):]}
	}
	there, err := s.again(ctx, asked)
	if err != nil {
		return nil, nil, err
	}
	byID := make(map[string]*document, len(there))
	for _, d := range there {
		byID[d.ID] = d
	}
	found = make([]*document, len(docs))
	for i := range docs {
		d := byID[asked[i].ID]
		if d != nil && d.lines()[line] == stands[i] {
			found[i] = d
		} else if d != nil {
			s.clear(ctx, docs[i], d)
		}
	}
	return stands, found, nil
}

const idLength = 36

// clear deletes the item of a job that does not stand there any more.
func (s *Store) clear(ctx context.Context, at, job *document) {
	it := &item{ID: at.ID, Sort: at.Sort}
	if s.coll.Get(ctx, it) == nil && job.Revision >= it.Revision {
		s.drop(ctx, it)
	}
}
