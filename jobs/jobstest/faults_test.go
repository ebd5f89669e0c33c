package jobstest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/jobstest"
)

func TestMemStore(t *testing.T) {
	jobstest.Run(t, func(jobstest.T) jobs.Store { return jobs.NewMemStore() })
}

// recorder is a T that remembers the failure instead of failing the test.
type recorder struct {
	ctx    context.Context
	failed string
}

type stopped struct{}

func (*recorder) Helper()                    {}
func (r *recorder) Context() context.Context { return r.ctx }
func (*recorder) Cleanup(func())             {}
func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	panic(stopped{})
}

func check(t *testing.T, c jobstest.Clause, s jobs.Store) (failure string) {
	r := &recorder{ctx: t.Context()}
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(stopped); !ok {
				panic(p)
			}
			failure = r.failed
		}
	}()
	c.Check(r, s)
	return ""
}

// broken is a store with planted faults: each function, where it is set, stands
// in for a method.
type broken struct {
	jobs.Store
	create func(context.Context, *jobs.Job) error
	get    func(context.Context, string) (*jobs.Job, error)
	update func(context.Context, *jobs.Job) error
	list   func(context.Context, jobs.Query) (*jobs.Page, error)
	due    func(context.Context, time.Time, int) ([]*jobs.Job, error)
	heads  func(context.Context, jobs.HeadsQuery) ([]*jobs.Job, error)
	reopen func() jobs.Store

	spoiled map[string]bool // the jobs that can't be read
}

func (b *broken) Spoil(_ jobstest.T, id string) {
	if b.spoiled == nil {
		b.spoiled = map[string]bool{}
	}
	b.spoiled[id] = true
}

// readable leaves out jobs that can't be read, with ErrRecord if there are any.
func (b *broken) readable(all []*jobs.Job, err error) ([]*jobs.Job, error) {
	n := len(all)
	all = slices.DeleteFunc(all, func(j *jobs.Job) bool { return b.spoiled[j.ID] })
	if err == nil && len(all) < n {
		err = jobs.ErrRecord
	}
	return all, err
}

func (b *broken) Heads(ctx context.Context, q jobs.HeadsQuery) ([]*jobs.Job, error) {
	if b.heads != nil {
		return b.heads(ctx, q)
	}
	return b.readable(b.Store.(jobs.Scheduler).Heads(ctx, q))
}

func (b *broken) Create(ctx context.Context, j *jobs.Job) error {
	if b.create != nil {
		return b.create(ctx, j)
	}
	return b.Store.Create(ctx, j)
}

func (b *broken) Get(ctx context.Context, id string) (*jobs.Job, error) {
	if b.get != nil {
		return b.get(ctx, id)
	}
	if b.spoiled[id] {
		return nil, jobs.ErrRecord
	}
	return b.Store.Get(ctx, id)
}

func (b *broken) Update(ctx context.Context, j *jobs.Job) error {
	if b.update != nil {
		return b.update(ctx, j)
	}
	return b.Store.Update(ctx, j)
}

func (b *broken) List(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
	if b.list != nil {
		return b.list(ctx, q)
	}
	page, err := b.Store.List(ctx, q)
	if err == nil {
		page.Jobs, err = b.readable(page.Jobs, nil)
	}
	return page, err
}

func (b *broken) Due(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
	if b.due != nil {
		return b.due(ctx, now, limit)
	}
	return b.readable(b.Store.Due(ctx, now, limit))
}

func (b *broken) Reopen(jobstest.T) jobs.Store {
	if b.reopen != nil {
		return b.reopen()
	}
	return b
}

// faults are stores that break one promise each, and the clause that has to
// notice.
var faults = []struct {
	clause string
	plant  func(b *broken, mem *jobs.MemStore)
}{
	{"created job is read as it was written", func(b *broken, mem *jobs.MemStore) {
		b.create = func(ctx context.Context, j *jobs.Job) error {
			defer func() { j.Revision = 0 }()
			return mem.Create(ctx, j)
		}
	}},
	{"every field is kept", func(b *broken, mem *jobs.MemStore) {
		b.update = func(ctx context.Context, j *jobs.Job) error {
			c := j.Clone()
			if c.Upload != nil {
				c.Upload.Looks = 0
			}
			defer func() { j.Revision = c.Revision }()
			return mem.Update(ctx, c)
		}
	}},
	{"every field is kept", func(b *broken, mem *jobs.MemStore) {
		b.due = func(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
			due, err := mem.Due(ctx, now, limit)
			for _, j := range due {
				j.Upload = nil
			}
			return due, err
		}
	}},
	{"every field is kept", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
			page, err := mem.List(ctx, q)
			if err == nil {
				for _, j := range page.Jobs {
					j.Outputs = nil
				}
			}
			return page, err
		}
	}},
	{"every field is kept", func(b *broken, mem *jobs.MemStore) {
		b.create = func(ctx context.Context, j *jobs.Job) error {
			defer func(was int64) { j.Revision = max(was, 1) }(j.Revision)
			return mem.Create(ctx, j)
		}
	}},
	{"times are kept to the microsecond in UTC", func(b *broken, mem *jobs.MemStore) {
		b.get = func(ctx context.Context, id string) (*jobs.Job, error) {
			j, err := mem.Get(ctx, id)
			if err == nil {
				j.DueAt = j.DueAt.Truncate(time.Millisecond)
			}
			return j, err
		}
	}},
	{"what is passed in is not kept", func(b *broken, mem *jobs.MemStore) {
		kept := map[string]*jobs.Job{}
		b.create = func(ctx context.Context, j *jobs.Job) error { kept[j.ID] = j; return mem.Create(ctx, j) }
		b.get = func(_ context.Context, id string) (*jobs.Job, error) { return kept[id], nil }
	}},
	{"what is returned is the caller's", func(b *broken, mem *jobs.MemStore) {
		cache := map[string]*jobs.Job{}
		b.get = func(ctx context.Context, id string) (*jobs.Job, error) {
			if cache[id] == nil {
				cache[id], _ = mem.Get(ctx, id)
			}
			return cache[id], nil
		}
	}},
	{"an id exists once", func(b *broken, mem *jobs.MemStore) {
		b.create = func(ctx context.Context, j *jobs.Job) error {
			err := mem.Create(ctx, j)
			if errors.Is(err, jobs.ErrExists) {
				return nil
			}
			return err
		}
	}},
	{"unknown job is not found", func(b *broken, mem *jobs.MemStore) {
		b.update = func(ctx context.Context, j *jobs.Job) error {
			err := mem.Update(ctx, j)
			if errors.Is(err, jobs.ErrNotFound) {
				return jobs.ErrConflict
			}
			return err
		}
	}},
	{"an update needs the revision", func(b *broken, mem *jobs.MemStore) { b.update = lastWins(mem) }},
	{"an update that failed changes nothing", func(b *broken, mem *jobs.MemStore) {
		b.update = func(ctx context.Context, j *jobs.Job) error {
			err := mem.Update(ctx, j)
			if err != nil {
				c := j.Clone()
				_ = lastWins(mem)(ctx, c)
			}
			return err
		}
	}},
	{"identity can't be updated", func(b *broken, mem *jobs.MemStore) {
		b.get = func(ctx context.Context, id string) (*jobs.Job, error) {
			j, err := mem.Get(ctx, id)
			if err == nil && j.State == jobs.Failed {
				j.OrganizationID = "b"
			}
			return j, err
		}
	}},
	{"one of racing updates wins", func(b *broken, mem *jobs.MemStore) {
		// Check and set are two steps.
		b.update = func(ctx context.Context, j *jobs.Job) error {
			there, err := mem.Get(ctx, j.ID)
			if err != nil {
				return err
			}
			if there.Revision != j.Revision {
				return jobs.ErrConflict
			}
			time.Sleep(time.Millisecond) // the fault: a gap between the two
			return lastWins(mem)(ctx, j)
		}
	}},
	{"one of racing creations wins", func(b *broken, mem *jobs.MemStore) {
		b.create = func(ctx context.Context, j *jobs.Job) error {
			if _, err := mem.Get(ctx, j.ID); err == nil {
				return jobs.ErrExists
			}
			time.Sleep(time.Millisecond) // the fault: a gap between look and write
			_ = mem.Create(ctx, j)
			return nil
		}
	}},
	{"no change is lost", func(b *broken, mem *jobs.MemStore) {
		b.update = func(ctx context.Context, j *jobs.Job) error {
			time.Sleep(100 * time.Microsecond)
			return lastWins(mem)(ctx, j)
		}
	}},
	{"a job is due at its time and not before", func(b *broken, mem *jobs.MemStore) {
		b.due = func(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
			return mem.Due(ctx, now.Add(-time.Nanosecond), limit)
		}
	}},
	{"a job that waits keeps its time", func(b *broken, mem *jobs.MemStore) {
		b.get = func(ctx context.Context, id string) (*jobs.Job, error) {
			j, err := mem.Get(ctx, id)
			if err == nil {
				j.NotBefore = time.Time{}
			}
			return j, err
		}
	}},
	{"a job that waits keeps its time", func(b *broken, mem *jobs.MemStore) {
		b.update = func(ctx context.Context, j *jobs.Job) error {
			if j.State == jobs.Processing {
				j.WaitingSince = time.Time{} // as a new claim must not
			}
			return mem.Update(ctx, j)
		}
	}},
	{"a job without due time is never due", func(b *broken, mem *jobs.MemStore) {
		b.create = func(ctx context.Context, j *jobs.Job) error {
			if j.DueAt.IsZero() {
				j.DueAt = time.Unix(0, 0)
			}
			return mem.Create(ctx, j)
		}
	}},
	{"the longest due comes first", func(b *broken, mem *jobs.MemStore) {
		b.due = func(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
			found, err := mem.Due(ctx, now, 1000)
			slices.Reverse(found)
			return found[:min(limit, len(found))], err
		}
	}},
	{"due follows updates", func(b *broken, mem *jobs.MemStore) {
		first := map[string]time.Time{}
		var mu sync.Mutex
		b.create = func(ctx context.Context, j *jobs.Job) error {
			mu.Lock()
			first[j.ID] = j.DueAt
			mu.Unlock()
			return mem.Create(ctx, j)
		}
		b.update = func(ctx context.Context, j *jobs.Job) error { j.DueAt = first[j.ID]; return mem.Update(ctx, j) }
	}},
	{"an organization sees its own jobs", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
			if q.Cursor != "" {
				q.OrganizationID = "a"
			}
			return mem.List(ctx, q)
		}
	}},
	{"the newest comes first", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
			page, err := mem.List(ctx, q)
			if err == nil {
				slices.Reverse(page.Jobs)
			}
			return page, err
		}
	}},
	{"pages hold each job once", func(b *broken, mem *jobs.MemStore) {
		// The cursor forgets the id: jobs of the same time are passed over.
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
			page, err := mem.List(ctx, q)
			if err == nil && page.Next != "" {
				c, _ := jobs.ParseCursor(page.Next)
				c.ID = strings.Repeat("0", 8) + "-0000-0000-0000-" + strings.Repeat("0", 12)
				page.Next = c.String()
			}
			return page, err
		}
	}},
	{"a page has at most its limit", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
			if q.Limit <= 0 {
				q.Limit = jobs.MaxPage
			}
			return mem.List(ctx, q)
		}
	}},
	{"pages hold each job once while jobs are added", func(b *broken, mem *jobs.MemStore) {
		// The cursor is a place: what is added pushes jobs into the next page.
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
			skip := len(q.Cursor)
			all, err := mem.List(ctx, jobs.Query{OrganizationID: q.OrganizationID, State: q.State, Limit: jobs.MaxPage})
			if err != nil {
				return nil, err
			}
			page := &jobs.Page{Jobs: all.Jobs[min(skip, len(all.Jobs)):]}
			if len(page.Jobs) > q.Limit {
				page.Jobs, page.Next = page.Jobs[:q.Limit], strings.Repeat("x", skip+q.Limit)
			}
			return page, nil
		}
	}},
	{"a state is selected", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) { q.State = ""; return mem.List(ctx, q) }
	}},
	{"a cursor that was never given is refused", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) { q.Cursor = ""; return mem.List(ctx, q) }
	}},
	{"a context that has ended does nothing", func(b *broken, mem *jobs.MemStore) {
		b.create = func(ctx context.Context, j *jobs.Job) error {
			_ = mem.Create(context.WithoutCancel(ctx), j)
			return ctx.Err()
		}
	}},
	{"a context that has ended does nothing", func(b *broken, mem *jobs.MemStore) {
		b.get = func(ctx context.Context, id string) (*jobs.Job, error) {
			return mem.Get(context.WithoutCancel(ctx), id)
		}
	}},
	{"heads are the oldest jobs", func(b *broken, mem *jobs.MemStore) {
		b.heads = func(ctx context.Context, q jobs.HeadsQuery) ([]*jobs.Job, error) {
			found, err := mem.Heads(ctx, q)
			slices.Reverse(found)
			return found, err
		}
	}},
	{"heads are the oldest jobs", func(b *broken, mem *jobs.MemStore) {
		// Jobs of the same time are in any order.
		b.heads = func(ctx context.Context, q jobs.HeadsQuery) ([]*jobs.Job, error) {
			found, err := mem.Heads(ctx, q)
			if len(found) > 1 && found[0].CreatedAt.Equal(found[1].CreatedAt) {
				found[0], found[1] = found[1], found[0]
			}
			return found, err
		}
	}},
	{"heads have a standing", func(b *broken, mem *jobs.MemStore) {
		b.heads = func(ctx context.Context, q jobs.HeadsQuery) ([]*jobs.Job, error) {
			if q.Standing == jobs.Waiting {
				q.Standing = jobs.Unfinished
			}
			return mem.Heads(ctx, q)
		}
	}},
	{"heads have a standing", func(b *broken, mem *jobs.MemStore) {
		// What was refused before it was begun stands in the line too.
		b.create = func(ctx context.Context, j *jobs.Job) error {
			if j.State == jobs.Failed {
				j.StartedAt = j.CreatedAt
			}
			return mem.Create(ctx, j)
		}
	}},
	{"heads follow updates", func(b *broken, mem *jobs.MemStore) {
		first := map[string]jobs.State{}
		b.create = func(ctx context.Context, j *jobs.Job) error { first[j.ID] = j.State; return mem.Create(ctx, j) }
		b.heads = func(ctx context.Context, q jobs.HeadsQuery) ([]*jobs.Job, error) {
			found, err := mem.Heads(ctx, q)
			return slices.DeleteFunc(found, func(j *jobs.Job) bool { return first[j.ID] != jobs.Accepted }), err
		}
	}},
	{"heads go from one organization to the next", func(b *broken, mem *jobs.MemStore) {
		// The bound counts jobs.
		b.heads = func(ctx context.Context, q jobs.HeadsQuery) ([]*jobs.Job, error) {
			found, err := mem.Heads(ctx, q)
			if q.Organizations > 0 {
				found = found[:min(len(found), q.Organizations)]
			}
			return found, err
		}
	}},
	{"heads go from one organization to the next", func(b *broken, mem *jobs.MemStore) {
		b.heads = func(ctx context.Context, q jobs.HeadsQuery) ([]*jobs.Job, error) {
			found, err := mem.Heads(ctx, q)
			if q.After != "" { // the fault: it begins with the organization itself
				own, _ := mem.Heads(ctx, jobs.HeadsQuery{OrganizationID: q.After})
				found = append(own, found...)
			}
			return found, err
		}
	}},
	{"heads of one organization are its own", func(b *broken, mem *jobs.MemStore) {
		b.heads = func(ctx context.Context, q jobs.HeadsQuery) ([]*jobs.Job, error) {
			q.OrganizationID = strings.ToLower(q.OrganizationID)
			return mem.Heads(ctx, q)
		}
	}},
	{"heads hold the whole job", func(b *broken, mem *jobs.MemStore) {
		b.heads = func(ctx context.Context, q jobs.HeadsQuery) ([]*jobs.Job, error) {
			found, err := mem.Heads(ctx, q)
			for _, j := range found {
				j.NotBefore = time.Time{}
			}
			return found, err
		}
	}},
	{"heads need a context that has not ended", func(b *broken, mem *jobs.MemStore) {
		b.heads = func(ctx context.Context, q jobs.HeadsQuery) ([]*jobs.Job, error) {
			return mem.Heads(context.WithoutCancel(ctx), q)
		}
	}},
	{"a record that can't be read hides no others", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
			page, err := mem.List(ctx, q)
			if err != nil {
				return nil, err
			}
			if page.Jobs, err = b.readable(page.Jobs, nil); err != nil {
				return nil, err // the fault: no page
			}
			return page, nil
		}
	}},
	{"a record that can't be read hides no others", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
			page, err := mem.List(ctx, q)
			if err != nil {
				return nil, err
			}
			if page.Jobs, err = b.readable(page.Jobs, nil); err != nil {
				page.Next = "" // the fault: it ends there
			}
			return page, err
		}
	}},
	{"a record that can't be read hides no others", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
			page, err := mem.List(ctx, q)
			if err == nil {
				page.Jobs, _ = b.readable(page.Jobs, nil) // the fault: nothing is said
			}
			return page, err
		}
	}},
	{"a record that can't be read hides no others", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
			page, err := mem.List(ctx, q)
			if err != nil {
				return nil, err
			}
			if page.Jobs, err = b.readable(page.Jobs, nil); err != nil && len(page.Jobs) > 0 && page.Next != "" {
				// The fault: the cursor is that of the last job that could be read, so the
				// next page begins with the damaged ones; with one job a page, for ever.
				page.Next = jobs.CursorOf(page.Jobs[len(page.Jobs)-1]).String()
			} else if err != nil {
				page.Next = q.Cursor
			}
			return page, err
		}
	}},
	{"a record that can't be read hides no others", func(b *broken, mem *jobs.MemStore) {
		b.due = func(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
			found, err := b.readable(mem.Due(ctx, now, limit))
			if err != nil {
				return nil, err
			}
			return found, nil
		}
	}},
	{"jobs outlive the store", func(b *broken, mem *jobs.MemStore) {
		b.reopen = func() jobs.Store { return jobs.NewMemStore() }
	}},
}

// lastWins is an update that looks at no revision.
func lastWins(mem *jobs.MemStore) func(context.Context, *jobs.Job) error {
	return func(ctx context.Context, j *jobs.Job) error {
		for {
			there, err := mem.Get(ctx, j.ID)
			if err != nil {
				return err
			}
			j.Revision = there.Revision
			if err := mem.Update(ctx, j); !errors.Is(err, jobs.ErrConflict) {
				return err
			}
		}
	}
}

// Each clause must notice the fault that is planted for it.
func TestEachClauseCatchesItsFault(t *testing.T) {
	planted := map[string]bool{}
	clauses := map[string]jobstest.Clause{}
	for _, c := range jobstest.Clauses() {
		clauses[c.Name] = c
	}
	for _, f := range faults {
		planted[f.clause] = true
		c, ok := clauses[f.clause]
		if !ok {
			t.Fatalf("no clause %q", f.clause)
		}
		mem := jobs.NewMemStore()
		if failure := check(t, c, &broken{Store: mem}); failure != "" {
			t.Fatalf("%s: fails without a fault: %s", f.clause, failure)
		}
		mem = jobs.NewMemStore()
		b := &broken{Store: mem}
		f.plant(b, mem)
		failure := check(t, c, b)
		if failure == "" {
			t.Errorf("%s: the planted fault was not noticed", f.clause)
		}
		t.Logf("%s: %s", f.clause, failure)
	}
	for name := range clauses {
		if !planted[name] {
			t.Errorf("%s: no fault is planted for it", name)
		}
	}
}
