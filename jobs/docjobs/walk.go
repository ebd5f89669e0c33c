package docjobs

import (
	"context"

	"github.com/fhirdock/fhirdock/jobs"
)

// A walk reads minStep to maxStep documents at a time.
const (
	minStep = 8
	maxStep = 128
)

// walk goes along a line and takes the first jobs of each organization. It skips the
// remaining jobs of an organization it is done with.
type walk struct {
	s    *Store
	line string
	// look reports whether to take a job, and whether to go on to the next organization.
	look                func(context.Context, *jobs.Job) (take, done bool, err error)
	organizations, each int // at most
}

// along walks along a shard of the line, from a position up to an organization or, if
// until is empty, to the end. It returns the jobs it took, in order, and the number of
// unreadable ones.
func (w walk) along(ctx context.Context, shard, from, until string) (found []*jobs.Job, unreadable int, err error) {
	first := min(max(minStep, w.each, w.organizations), maxStep)
	step := first
	orgs, taken, org, skip := 0, 0, "", false
	for {
		docs, err := w.s.documents(ctx, w.s.lineAfter(w.line, shard, from, step), step)
		if err != nil {
			return nil, 0, err
		}
		positions, inLine, err := w.s.inLine(ctx, w.line, docs)
		if err != nil {
			return nil, 0, err
		}
		before := len(found)
		for i, d := range inLine {
			of := organizationOf(positions[i])
			if until != "" && of > until {
				return found, unreadable, nil
			}
			if of != org {
				if orgs == w.organizations {
					return found, unreadable, nil
				}
				org, taken, skip = of, 0, false
			}
			if skip || d == nil {
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
			skip = done || taken == w.each
		}
		if len(docs) < step || skip && (org == until || orgs == w.organizations) {
			return found, unreadable, nil
		}
		if from = positions[len(positions)-1]; skip {
			from = org + pastSeparator
		}
		if step = min(2*step, maxStep); len(found) > before {
			step = first
		}
	}
}

// inLine returns the positions that a query found, and the documents of their jobs, or nil
// for a job that is not in the line.
func (s *Store) inLine(ctx context.Context, line string, docs []*document) (positions []string, found []*document, err error) {
	positions = make([]string, len(docs))
	if !s.database.lags() {
		for i, d := range docs {
			positions[i] = d.lines()[line]
		}
		return positions, docs, nil
	}
	// An item's position ends with the job's id.
	asked := make([]*document, len(docs))
	for i, d := range docs {
		positions[i] = d.Sort
		asked[i] = &document{ID: d.Sort[max(0, len(d.Sort)-idLength):]}
	}
	stored, err := s.again(ctx, asked)
	if err != nil {
		return nil, nil, err
	}
	byID := make(map[string]*document, len(stored))
	for _, d := range stored {
		byID[d.ID] = d
	}
	found = make([]*document, len(docs))
	for i := range docs {
		d := byID[asked[i].ID]
		if d != nil && d.lines()[line] == positions[i] {
			found[i] = d
		} else if d != nil {
			s.clear(ctx, docs[i], d)
		}
	}
	return positions, found, nil
}

const idLength = 36

// clear deletes the item of a job that left the line.
func (s *Store) clear(ctx context.Context, at, job *document) {
	it := &item{ID: at.ID, Sort: at.Sort}
	if s.coll.Get(ctx, it) == nil && job.Revision >= it.Revision {
		s.drop(ctx, it)
	}
}
