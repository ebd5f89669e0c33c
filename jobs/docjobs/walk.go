package docjobs

import (
	"context"

	"github.com/fhirdock/fhirdock/jobs"
)

// Bounds of how many documents a walk along a line reads at a time.
const (
	minStep = 8
	maxStep = 128
)

// walk goes along a line and takes the first jobs of each organization. It jumps
// from one organization to the next, and not over the jobs of one.
type walk struct {
	s    *Store
	line string
	// look reports whether to take a job, and whether it is the last of its organization
	// to look at.
	look                func(context.Context, *jobs.Job) (take, done bool, err error)
	organizations, each int // at most
}

// along goes along a shard of the line, from a place on and up to an organization, or to
// the end. It returns the jobs that it took, in order, and how many it could not read.
func (w walk) along(ctx context.Context, shard, from, until string) (found []*jobs.Job, unreadable int, err error) {
	first := min(max(minStep, w.each, w.organizations), maxStep)
	step := first
	orgs, taken, org, over := 0, 0, "", false
	for {
		docs, err := w.s.documents(ctx, w.s.stand(w.line, shard, from, step), step)
		if err != nil {
			return nil, 0, err
		}
		stands, there, err := w.s.standing(ctx, w.line, docs)
		if err != nil {
			return nil, 0, err
		}
		before := len(found)
		for i, d := range there {
			of := organizationOf(stands[i])
			if until != "" && of > until {
				return found, unreadable, nil
			}
			if of != org {
				if orgs == w.organizations {
					return found, unreadable, nil
				}
				org, taken, over = of, 0, false
			}
			if over || d == nil {
				continue
			}
			job, err := d.job()
			if err != nil {
				unreadable++
				continue
			}
			take, done, err := w.look(ctx, job)
			if err != nil {
				return nil, 0, err
			}
			if take {
				if taken++; taken == 1 {
					orgs++
				}
				found = append(found, job)
			}
			over = done || taken == w.each
		}
		if len(docs) < step || over && (org == until || orgs == w.organizations) {
			return found, unreadable, nil
		}
		if from = stands[len(stands)-1]; over {
			from = org + behind
		}
		if step = min(2*step, maxStep); len(found) > before {
			step = first
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
