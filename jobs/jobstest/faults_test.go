package jobstest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	remove func(context.Context, *jobs.Job) error
	orgs   func(context.Context, string, int) ([]string, error)
	count  func(context.Context, string, jobs.State, int) (int, error)
	next   func(context.Context, jobs.NextQuery) ([]*jobs.Job, error)
	ready  func(context.Context) error
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

func (b *broken) Next(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
	if b.next != nil {
		return b.next(ctx, q)
	}
	limit, _ := q.Bounds()
	if len(b.spoiled) > 0 { // it does not claim where records can't be read
		q.Limit, q.PerOrganization = jobs.MaxPage, q.PerOrganization+len(b.spoiled)
	}
	found, err := b.readable(b.Store.Next(ctx, q))
	return found[:min(limit, len(found))], err
}

func (b *broken) Count(ctx context.Context, organization string, state jobs.State, limit int) (int, error) {
	if b.count != nil {
		return b.count(ctx, organization, state, limit)
	}
	return b.Store.Count(ctx, organization, state, limit)
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

func (b *broken) Delete(ctx context.Context, j *jobs.Job) error {
	if b.remove != nil {
		return b.remove(ctx, j)
	}
	return b.Store.Delete(ctx, j)
}

func (b *broken) Organizations(ctx context.Context, after string, limit int) ([]string, error) {
	if b.orgs != nil {
		return b.orgs(ctx, after, limit)
	}
	return b.Store.Organizations(ctx, after, limit)
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

func (b *broken) Ready(ctx context.Context) error {
	if b.ready != nil {
		return b.ready(ctx)
	}
	return b.Store.Ready(ctx)
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
	{"leases that are over come before all else that is due", func(b *broken, mem *jobs.MemStore) {
		b.due = func(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
			found, err := mem.Due(ctx, now, 1000)
			slices.SortFunc(found, func(a, b *jobs.Job) int { return a.DueAt.Compare(b.DueAt) })
			found = found[:min(limit, len(found))]
			jobs.SortDue(found) // the fault: only of those that have been due for longest
			return found, err
		}
	}},
	{"leases that are over come before all else that is due", func(b *broken, mem *jobs.MemStore) {
		b.due = func(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
			found, err := mem.Due(ctx, now.Add(time.Hour), limit)
			return slices.DeleteFunc(found, func(j *jobs.Job) bool { // the fault: leases that are not over take places
				return j.DueAt.After(now)
			}), err
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
	{"a job that was deleted is nowhere", func(b *broken, mem *jobs.MemStore) {
		b.remove = func(context.Context, *jobs.Job) error { return nil } // the fault: it is only acknowledged
	}},
	{"a job that was deleted is nowhere", func(b *broken, mem *jobs.MemStore) {
		// An index keeps it.
		var kept []*jobs.Job
		b.remove = func(ctx context.Context, j *jobs.Job) error {
			kept = append(kept, j.Clone())
			return mem.Delete(ctx, j)
		}
		b.due = func(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
			found, err := mem.Due(ctx, now, limit)
			return append(found, kept...), err
		}
	}},
	{"a job that was deleted is nowhere", func(b *broken, mem *jobs.MemStore) {
		// A deletion of what is gone succeeds.
		b.remove = func(ctx context.Context, j *jobs.Job) error {
			if err := mem.Delete(ctx, j); !errors.Is(err, jobs.ErrNotFound) {
				return err
			}
			return nil
		}
	}},
	{"a deletion needs the revision", func(b *broken, mem *jobs.MemStore) { b.remove = deletesAny(mem) }},
	{"racing deletions leave no job", func(b *broken, mem *jobs.MemStore) {
		var busy atomic.Int32
		b.remove = func(ctx context.Context, j *jobs.Job) error {
			defer busy.Add(-1)
			if busy.Add(1) > 1 {
				return nil // the fault: it relies on the other one, which may fail
			}
			time.Sleep(time.Millisecond)
			return jobs.ErrConflict
		}
	}},
	{"a deletion and an update of one revision can't both win", func(b *broken, mem *jobs.MemStore) {
		b.remove = func(ctx context.Context, j *jobs.Job) error {
			there, err := mem.Get(ctx, j.ID)
			if err != nil {
				return err
			}
			if there.Revision != j.Revision {
				return jobs.ErrConflict
			}
			time.Sleep(5 * time.Millisecond) // the fault: a gap between compare and deletion
			return deletesAny(mem)(ctx, j)
		}
		b.update = func(ctx context.Context, j *jobs.Job) error {
			time.Sleep(time.Millisecond)
			return mem.Update(ctx, j)
		}
	}},
	{"an id that was deleted can be created again", func(b *broken, mem *jobs.MemStore) {
		gone := map[string]bool{} // the fault: ids are remembered
		b.remove = func(ctx context.Context, j *jobs.Job) error { gone[j.ID] = true; return mem.Delete(ctx, j) }
		b.create = func(ctx context.Context, j *jobs.Job) error {
			if gone[j.ID] {
				return jobs.ErrExists
			}
			return mem.Create(ctx, j)
		}
	}},
	{"organizations that have jobs are found in order", func(b *broken, mem *jobs.MemStore) {
		b.orgs = func(ctx context.Context, after string, limit int) ([]string, error) {
			found, err := mem.Organizations(ctx, after, limit)
			if after == "a" && len(found) > 1 { // the fault: those that begin with it are passed over
				found = found[1:]
			}
			return found, err
		}
	}},
	{"organizations that have jobs are found in order", func(b *broken, mem *jobs.MemStore) {
		b.orgs = func(ctx context.Context, after string, limit int) ([]string, error) {
			return mem.Organizations(ctx, after, limit+1) // the fault: the limit
		}
	}},
	{"a context that has ended does nothing", func(b *broken, mem *jobs.MemStore) {
		b.remove = func(ctx context.Context, j *jobs.Job) error { return mem.Delete(context.WithoutCancel(ctx), j) }
	}},
	{"a context that has ended does nothing", func(b *broken, mem *jobs.MemStore) {
		b.ready = func(context.Context) error { return nil }
	}},
	{"a store that works is ready", func(b *broken, mem *jobs.MemStore) {
		b.ready = func(ctx context.Context) error { // the fault: it needs a job to look at
			due, err := mem.Due(ctx, time.Now().AddDate(100, 0, 0), 1)
			if err == nil && len(due) == 0 {
				return jobs.ErrNotFound
			}
			return err
		}
	}},
	{"asking whether it is ready changes nothing", func(b *broken, mem *jobs.MemStore) {
		// The fault: it tries a write.
		b.ready = func(ctx context.Context) error {
			err := mem.Create(ctx, &jobs.Job{ID: "probe", OrganizationID: "probe", State: jobs.Accepted, DueAt: time.Now()})
			if errors.Is(err, jobs.ErrExists) {
				return nil
			}
			return err
		}
	}},
	{"asking whether it is ready changes nothing", func(b *broken, mem *jobs.MemStore) {
		// The fault: it writes a job anew as it is.
		b.ready = func(ctx context.Context) error {
			due, err := mem.Due(ctx, time.Now().AddDate(100, 0, 0), 1)
			if err != nil || len(due) == 0 {
				return err
			}
			return mem.Update(ctx, due[0])
		}
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
	{"next is the oldest job", func(b *broken, mem *jobs.MemStore) {
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			found, err := mem.Next(ctx, q)
			slices.Reverse(found)
			return found, err
		}
	}},
	{"next is the oldest job", func(b *broken, mem *jobs.MemStore) {
		// Jobs of the same time are in any order.
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			found, err := mem.Next(ctx, q)
			if len(found) > 1 && found[0].CreatedAt.Equal(found[1].CreatedAt) {
				found[0], found[1] = found[1], found[0]
			}
			return found, err
		}
	}},
	{"next is what is ready", func(b *broken, mem *jobs.MemStore) {
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			q.Now = q.Now.Add(time.Second)
			return mem.Next(ctx, q)
		}
	}},
	{"next is what is ready", func(b *broken, mem *jobs.MemStore) {
		// What is to be cleared away is forgotten.
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			found, err := mem.Next(ctx, q)
			return slices.DeleteFunc(found, func(j *jobs.Job) bool { return j.State == jobs.Cancelled }), err
		}
	}},
	{"next is what is ready", func(b *broken, mem *jobs.MemStore) {
		// A clock that was put back stops all.
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			found, err := mem.Next(ctx, q)
			return slices.DeleteFunc(found, func(j *jobs.Job) bool { return j.CreatedAt.After(q.Now) }), err
		}
	}},
	{"next passes over back-offs", func(b *broken, mem *jobs.MemStore) {
		// The reader looks at the oldest 32 and passes over those in back-off.
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			limit, each := q.Bounds()
			all, err := mem.Next(ctx, jobs.NextQuery{Now: q.Now.AddDate(1, 0, 0), Limit: jobs.MaxPage, PerOrganization: 32, After: q.After, OrganizationID: q.OrganizationID})
			of := map[string]int{}
			all = slices.DeleteFunc(all, func(j *jobs.Job) bool {
				if !j.Ready(q.Now) {
					return true
				}
				of[j.OrganizationID]++
				return of[j.OrganizationID] > each
			})
			return all[:min(limit, len(all))], err
		}
	}},
	{"next follows updates", func(b *broken, mem *jobs.MemStore) {
		first := map[string]jobs.State{}
		b.create = func(ctx context.Context, j *jobs.Job) error { first[j.ID] = j.State; return mem.Create(ctx, j) }
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			found, err := mem.Next(ctx, q)
			return slices.DeleteFunc(found, func(j *jobs.Job) bool { return first[j.ID] != jobs.Accepted }), err
		}
	}},
	{"next goes from one organization to the next", func(b *broken, mem *jobs.MemStore) {
		// It does not begin again after the last one.
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			found, err := mem.Next(ctx, q)
			return slices.DeleteFunc(found, func(j *jobs.Job) bool { return j.OrganizationID <= q.After }), err
		}
	}},
	{"next goes from one organization to the next", func(b *broken, mem *jobs.MemStore) {
		// It always begins with the first.
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			q.After = ""
			return mem.Next(ctx, q)
		}
	}},
	{"next of one organization is its own", func(b *broken, mem *jobs.MemStore) {
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			q.OrganizationID = strings.ToLower(q.OrganizationID)
			return mem.Next(ctx, q)
		}
	}},
	{"next holds the whole job", func(b *broken, mem *jobs.MemStore) {
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			found, err := mem.Next(ctx, q)
			for _, j := range found {
				j.NotBefore = time.Time{}
			}
			return found, err
		}
	}},
	{"next claims what it returns", func(b *broken, mem *jobs.MemStore) {
		// The claim is not stored.
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			claim := q.Claim
			q.Claim = nil
			found, err := mem.Next(ctx, q)
			for _, j := range found {
				if claim != nil && claim(j) == nil {
					j.Revision++
				}
			}
			return found, err
		}
	}},
	{"next claims what it returns", func(b *broken, mem *jobs.MemStore) {
		// A job that is refused is stored all the same.
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			if claim := q.Claim; claim != nil {
				q.Claim = func(j *jobs.Job) error { _ = claim(j); return nil }
			}
			return mem.Next(ctx, q)
		}
	}},
	{"next claims each job once", func(b *broken, mem *jobs.MemStore) {
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			claim := q.Claim
			q.Claim = nil
			found, err := mem.Next(ctx, q)
			time.Sleep(time.Millisecond)
			return slices.DeleteFunc(found, func(j *jobs.Job) bool {
				if claim(j) != nil {
					return true
				}
				now, _ := mem.Get(ctx, j.ID)
				j.Revision = now.Revision // the fault: a claim replaces another
				return mem.Update(ctx, j) != nil
			}), err
		}
	}},
	{"next keeps an order", func(b *broken, mem *jobs.MemStore) {
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			q.Order, q.PerOrganization = jobs.Unordered, 1
			return mem.Next(ctx, q)
		}
	}},
	{"next keeps an order behind a failed job", func(b *broken, mem *jobs.MemStore) {
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			q.Order = min(q.Order, jobs.Ordered)
			return mem.Next(ctx, q)
		}
	}},
	{"next keeps an order of racing claims", func(b *broken, mem *jobs.MemStore) {
		// Nobody looks after the claim.
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			claim := q.Claim
			q.Claim = nil
			found, err := mem.Next(ctx, q)
			time.Sleep(time.Millisecond)
			q.Claim = claim
			if err != nil {
				return nil, err
			}
			return jobs.ClaimNext(ctx, mem, q, found, func(context.Context, *jobs.Job) (bool, error) { return true, nil })
		}
	}},
	{"waiting jobs are counted up to a limit", func(b *broken, mem *jobs.MemStore) {
		b.count = func(ctx context.Context, organization string, state jobs.State, _ int) (int, error) {
			return mem.Count(ctx, organization, state, 1000) // the fault: no limit
		}
	}},
	{"waiting jobs are counted up to a limit", func(b *broken, mem *jobs.MemStore) {
		b.count = func(ctx context.Context, _ string, state jobs.State, limit int) (int, error) {
			return mem.Count(ctx, "", state, limit) // the fault: of all
		}
	}},
	{"the jobs in a state are counted up to a limit", func(b *broken, mem *jobs.MemStore) {
		b.count = func(ctx context.Context, organization string, state jobs.State, limit int) (int, error) {
			if state != jobs.Accepted {
				limit = 1000 // the fault
			}
			return mem.Count(ctx, organization, state, limit)
		}
	}},
	{"the jobs in a state are counted up to a limit", func(b *broken, mem *jobs.MemStore) {
		b.count = func(ctx context.Context, organization string, _ jobs.State, limit int) (int, error) {
			return mem.Count(ctx, organization, jobs.Accepted, limit) // the fault: of another state
		}
	}},
	{"the jobs in a state are counted up to a limit", func(b *broken, mem *jobs.MemStore) {
		b.count = func(ctx context.Context, organization string, state jobs.State, limit int) (int, error) {
			if organization == "" && state != jobs.Accepted {
				organization = "b" // the fault: only the first page of organizations
			}
			return mem.Count(ctx, organization, state, limit)
		}
	}},
	{"the jobs in a state are counted up to a limit", func(b *broken, mem *jobs.MemStore) {
		b.remove = func(ctx context.Context, j *jobs.Job) error {
			if err := mem.Delete(ctx, j); err != nil {
				return err
			}
			gone := j.Clone() // the fault: it is still counted
			gone.ID = jobs.NewID()
			return mem.Create(ctx, gone)
		}
	}},
	{"next needs a context that has not ended", func(b *broken, mem *jobs.MemStore) {
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			return mem.Next(context.WithoutCancel(ctx), q)
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
		// The clauses in which calls race notice their faults in most runs, not in each.
		var failure string
		for try := 0; failure == "" && try < 20; try++ {
			mem = jobs.NewMemStore()
			b := &broken{Store: mem}
			f.plant(b, mem)
			failure = check(t, c, b)
		}
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

// deletesAny deletes a job whatever its revision.
func deletesAny(mem *jobs.MemStore) func(context.Context, *jobs.Job) error {
	return func(ctx context.Context, j *jobs.Job) error {
		for {
			there, err := mem.Get(ctx, j.ID)
			if err != nil {
				return err
			}
			if err := mem.Delete(ctx, there); !errors.Is(err, jobs.ErrConflict) {
				return err
			}
		}
	}
}
