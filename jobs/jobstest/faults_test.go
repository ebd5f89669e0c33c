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

// recorder is a T that records a failure instead of failing the test.
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

// broken is a store with planted faults. Each function that is set replaces a method.
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

	spoiled map[string]bool // unreadable jobs
}

func (b *broken) Spoil(_ jobstest.T, id string) {
	if b.spoiled == nil {
		b.spoiled = map[string]bool{}
	}
	b.spoiled[id] = true
}

// readable removes unreadable jobs, and returns ErrRecord if there are any.
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
	if len(b.spoiled) > 0 { // claims are not supported with unreadable records
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

// faults are stores that each break one promise, and the clause that must fail.
var faults = []struct {
	clause string
	plant  func(b *broken, mem *jobs.MemStore)
}{
	{"a created job reads back as written", func(b *broken, mem *jobs.MemStore) {
		b.create = func(ctx context.Context, j *jobs.Job) error {
			defer func() { j.Revision = 0 }()
			return mem.Create(ctx, j)
		}
	}},
	{"every field is stored", func(b *broken, mem *jobs.MemStore) {
		b.update = func(ctx context.Context, j *jobs.Job) error {
			c := j.Clone()
			if c.Upload != nil {
				c.Upload.Looks = 0
			}
			defer func() { j.Revision = c.Revision }()
			return mem.Update(ctx, c)
		}
	}},
	{"every field is stored", func(b *broken, mem *jobs.MemStore) {
		b.due = func(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
			due, err := mem.Due(ctx, now, limit)
			for _, j := range due {
				j.Upload = nil
			}
			return due, err
		}
	}},
	{"every field is stored", func(b *broken, mem *jobs.MemStore) {
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
	{"every field is stored", func(b *broken, mem *jobs.MemStore) {
		b.create = func(ctx context.Context, j *jobs.Job) error {
			defer func(was int64) { j.Revision = max(was, 1) }(j.Revision)
			return mem.Create(ctx, j)
		}
	}},
	{"times are stored in UTC to the microsecond", func(b *broken, mem *jobs.MemStore) {
		b.get = func(ctx context.Context, id string) (*jobs.Job, error) {
			j, err := mem.Get(ctx, id)
			if err == nil {
				j.DueAt = j.DueAt.Truncate(time.Millisecond)
			}
			return j, err
		}
	}},
	{"arguments are copied", func(b *broken, mem *jobs.MemStore) {
		kept := map[string]*jobs.Job{}
		b.create = func(ctx context.Context, j *jobs.Job) error { kept[j.ID] = j; return mem.Create(ctx, j) }
		b.get = func(_ context.Context, id string) (*jobs.Job, error) { return kept[id], nil }
	}},
	{"results are copies", func(b *broken, mem *jobs.MemStore) {
		cache := map[string]*jobs.Job{}
		b.get = func(ctx context.Context, id string) (*jobs.Job, error) {
			if cache[id] == nil {
				cache[id], _ = mem.Get(ctx, id)
			}
			return cache[id], nil
		}
	}},
	{"ids are unique", func(b *broken, mem *jobs.MemStore) {
		b.create = func(ctx context.Context, j *jobs.Job) error {
			err := mem.Create(ctx, j)
			if errors.Is(err, jobs.ErrExists) {
				return nil
			}
			return err
		}
	}},
	{"an unknown job is not found", func(b *broken, mem *jobs.MemStore) {
		b.update = func(ctx context.Context, j *jobs.Job) error {
			err := mem.Update(ctx, j)
			if errors.Is(err, jobs.ErrNotFound) {
				return jobs.ErrConflict
			}
			return err
		}
	}},
	{"an update compares the revision", func(b *broken, mem *jobs.MemStore) { b.update = lastWins(mem) }},
	{"a failed update changes nothing", func(b *broken, mem *jobs.MemStore) {
		b.update = func(ctx context.Context, j *jobs.Job) error {
			err := mem.Update(ctx, j)
			if err != nil {
				c := j.Clone()
				_ = lastWins(mem)(ctx, c)
			}
			return err
		}
	}},
	{"an update can't change the identity", func(b *broken, mem *jobs.MemStore) {
		b.get = func(ctx context.Context, id string) (*jobs.Job, error) {
			j, err := mem.Get(ctx, id)
			if err == nil && j.State == jobs.Failed {
				j.OrganizationID = "b"
			}
			return j, err
		}
	}},
	{"exactly one of racing updates wins", func(b *broken, mem *jobs.MemStore) {
		// Compare and set are two steps.
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
	{"exactly one of racing creations wins", func(b *broken, mem *jobs.MemStore) {
		b.create = func(ctx context.Context, j *jobs.Job) error {
			if _, err := mem.Get(ctx, j.ID); err == nil {
				return jobs.ErrExists
			}
			time.Sleep(time.Millisecond) // the fault: a gap between read and write
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
	{"a waiting job keeps its times", func(b *broken, mem *jobs.MemStore) {
		b.get = func(ctx context.Context, id string) (*jobs.Job, error) {
			j, err := mem.Get(ctx, id)
			if err == nil {
				j.NotBefore = time.Time{}
			}
			return j, err
		}
	}},
	{"a waiting job keeps its times", func(b *broken, mem *jobs.MemStore) {
		b.update = func(ctx context.Context, j *jobs.Job) error {
			if j.State == jobs.Processing {
				j.WaitingSince = time.Time{} // the fault: a claim must not do that
			}
			return mem.Update(ctx, j)
		}
	}},
	{"a job without a due time is never due", func(b *broken, mem *jobs.MemStore) {
		b.create = func(ctx context.Context, j *jobs.Job) error {
			if j.DueAt.IsZero() {
				j.DueAt = time.Unix(0, 0)
			}
			return mem.Create(ctx, j)
		}
	}},
	{"the longest due job comes first", func(b *broken, mem *jobs.MemStore) {
		b.due = func(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
			found, err := mem.Due(ctx, now, 1000)
			slices.Reverse(found)
			return found[:min(limit, len(found))], err
		}
	}},
	{"expired leases are due before other jobs", func(b *broken, mem *jobs.MemStore) {
		b.due = func(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
			found, err := mem.Due(ctx, now, 1000)
			slices.SortFunc(found, func(a, b *jobs.Job) int { return a.DueAt.Compare(b.DueAt) })
			found = found[:min(limit, len(found))]
			jobs.SortDue(found) // the fault: only sorts the jobs that have been due for longest
			return found, err
		}
	}},
	{"expired leases are due before other jobs", func(b *broken, mem *jobs.MemStore) {
		b.due = func(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
			found, err := mem.Due(ctx, now.Add(time.Hour), limit)
			return slices.DeleteFunc(found, func(j *jobs.Job) bool { // the fault: leases that are not over use up the limit
				return j.DueAt.After(now)
			}), err
		}
	}},
	{"due reflects updates", func(b *broken, mem *jobs.MemStore) {
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
	{"an organization lists only its own jobs", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
			if q.Cursor != "" {
				q.OrganizationID = "a"
			}
			return mem.List(ctx, q)
		}
	}},
	{"the newest job is listed first", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
			page, err := mem.List(ctx, q)
			if err == nil {
				slices.Reverse(page.Jobs)
			}
			return page, err
		}
	}},
	{"pages contain each job once", func(b *broken, mem *jobs.MemStore) {
		// The cursor lacks the id, so jobs with the same time are skipped.
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
	{"pages contain each job once while jobs are added", func(b *broken, mem *jobs.MemStore) {
		// The cursor is an offset, so new jobs push others to the next page.
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
	{"a list can be restricted to a state", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) { q.State = ""; return mem.List(ctx, q) }
	}},
	{"an invalid cursor is refused", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) { q.Cursor = ""; return mem.List(ctx, q) }
	}},
	{"a deleted job is gone", func(b *broken, mem *jobs.MemStore) {
		b.remove = func(context.Context, *jobs.Job) error { return nil } // the fault: nothing is deleted
	}},
	{"a deleted job is gone", func(b *broken, mem *jobs.MemStore) {
		// An index still has it.
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
	{"a deleted job is gone", func(b *broken, mem *jobs.MemStore) {
		// Deleting a deleted job succeeds.
		b.remove = func(ctx context.Context, j *jobs.Job) error {
			if err := mem.Delete(ctx, j); !errors.Is(err, jobs.ErrNotFound) {
				return err
			}
			return nil
		}
	}},
	{"a deletion compares the revision", func(b *broken, mem *jobs.MemStore) { b.remove = deletesAny(mem) }},
	{"racing deletions leave no job", func(b *broken, mem *jobs.MemStore) {
		var busy atomic.Int32
		b.remove = func(ctx context.Context, j *jobs.Job) error {
			defer busy.Add(-1)
			if busy.Add(1) > 1 {
				return nil // the fault: it relies on the other deletion, which may fail
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
			time.Sleep(5 * time.Millisecond) // the fault: a gap between comparing and deleting
			return deletesAny(mem)(ctx, j)
		}
		b.update = func(ctx context.Context, j *jobs.Job) error {
			time.Sleep(time.Millisecond)
			return mem.Update(ctx, j)
		}
	}},
	{"a deleted id can be created again", func(b *broken, mem *jobs.MemStore) {
		gone := map[string]bool{} // the fault: ids are remembered
		b.remove = func(ctx context.Context, j *jobs.Job) error { gone[j.ID] = true; return mem.Delete(ctx, j) }
		b.create = func(ctx context.Context, j *jobs.Job) error {
			if gone[j.ID] {
				return jobs.ErrExists
			}
			return mem.Create(ctx, j)
		}
	}},
	{"organizations are returned in order", func(b *broken, mem *jobs.MemStore) {
		b.orgs = func(ctx context.Context, after string, limit int) ([]string, error) {
			found, err := mem.Organizations(ctx, after, limit)
			if after == "a" && len(found) > 1 { // the fault: ids that begin with it are skipped
				found = found[1:]
			}
			return found, err
		}
	}},
	{"organizations are returned in order", func(b *broken, mem *jobs.MemStore) {
		b.orgs = func(ctx context.Context, after string, limit int) ([]string, error) {
			return mem.Organizations(ctx, after, limit+1) // the fault: the limit
		}
	}},
	{"nothing is done under an ended context", func(b *broken, mem *jobs.MemStore) {
		b.remove = func(ctx context.Context, j *jobs.Job) error { return mem.Delete(context.WithoutCancel(ctx), j) }
	}},
	{"nothing is done under an ended context", func(b *broken, mem *jobs.MemStore) {
		b.ready = func(context.Context) error { return nil }
	}},
	{"a working store is ready", func(b *broken, mem *jobs.MemStore) {
		b.ready = func(ctx context.Context) error { // the fault: it needs a job to read
			due, err := mem.Due(ctx, time.Now().AddDate(100, 0, 0), 1)
			if err == nil && len(due) == 0 {
				return jobs.ErrNotFound
			}
			return err
		}
	}},
	{"ready changes nothing", func(b *broken, mem *jobs.MemStore) {
		// The fault: it tries a write.
		b.ready = func(ctx context.Context) error {
			err := mem.Create(ctx, &jobs.Job{ID: "probe", OrganizationID: "probe", State: jobs.Accepted, DueAt: time.Now()})
			if errors.Is(err, jobs.ErrExists) {
				return nil
			}
			return err
		}
	}},
	{"ready changes nothing", func(b *broken, mem *jobs.MemStore) {
		// The fault: it rewrites a job unchanged.
		b.ready = func(ctx context.Context) error {
			due, err := mem.Due(ctx, time.Now().AddDate(100, 0, 0), 1)
			if err != nil || len(due) == 0 {
				return err
			}
			return mem.Update(ctx, due[0])
		}
	}},
	{"nothing is done under an ended context", func(b *broken, mem *jobs.MemStore) {
		b.create = func(ctx context.Context, j *jobs.Job) error {
			_ = mem.Create(context.WithoutCancel(ctx), j)
			return ctx.Err()
		}
	}},
	{"nothing is done under an ended context", func(b *broken, mem *jobs.MemStore) {
		b.get = func(ctx context.Context, id string) (*jobs.Job, error) {
			return mem.Get(context.WithoutCancel(ctx), id)
		}
	}},
	{"next returns the oldest job first", func(b *broken, mem *jobs.MemStore) {
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			found, err := mem.Next(ctx, q)
			slices.Reverse(found)
			return found, err
		}
	}},
	{"next returns the oldest job first", func(b *broken, mem *jobs.MemStore) {
		// Jobs with the same time are in any order.
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			found, err := mem.Next(ctx, q)
			if len(found) > 1 && found[0].CreatedAt.Equal(found[1].CreatedAt) {
				found[0], found[1] = found[1], found[0]
			}
			return found, err
		}
	}},
	{"next returns only ready jobs", func(b *broken, mem *jobs.MemStore) {
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			q.Now = q.Now.Add(time.Second)
			return mem.Next(ctx, q)
		}
	}},
	{"next returns only ready jobs", func(b *broken, mem *jobs.MemStore) {
		// Jobs that need clean-up are missing.
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			found, err := mem.Next(ctx, q)
			return slices.DeleteFunc(found, func(j *jobs.Job) bool { return j.State == jobs.Cancelled }), err
		}
	}},
	{"next returns only ready jobs", func(b *broken, mem *jobs.MemStore) {
		// Nothing is next after the clock was set back.
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			found, err := mem.Next(ctx, q)
			return slices.DeleteFunc(found, func(j *jobs.Job) bool { return j.CreatedAt.After(q.Now) }), err
		}
	}},
	{"next skips jobs in back-off", func(b *broken, mem *jobs.MemStore) {
		// It reads only the oldest 32 and skips those in back-off.
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
	{"next reflects updates", func(b *broken, mem *jobs.MemStore) {
		first := map[string]jobs.State{}
		b.create = func(ctx context.Context, j *jobs.Job) error { first[j.ID] = j.State; return mem.Create(ctx, j) }
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			found, err := mem.Next(ctx, q)
			return slices.DeleteFunc(found, func(j *jobs.Job) bool { return first[j.ID] != jobs.Accepted }), err
		}
	}},
	{"next serves organizations in turn", func(b *broken, mem *jobs.MemStore) {
		// It does not wrap around.
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			found, err := mem.Next(ctx, q)
			return slices.DeleteFunc(found, func(j *jobs.Job) bool { return j.OrganizationID <= q.After }), err
		}
	}},
	{"next serves organizations in turn", func(b *broken, mem *jobs.MemStore) {
		// It always starts with the first.
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			q.After = ""
			return mem.Next(ctx, q)
		}
	}},
	{"next of one organization returns only its jobs", func(b *broken, mem *jobs.MemStore) {
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			q.OrganizationID = strings.ToLower(q.OrganizationID)
			return mem.Next(ctx, q)
		}
	}},
	{"next returns the whole job", func(b *broken, mem *jobs.MemStore) {
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
		// A job is stored although Claim returned an error.
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
	{"next blocks after a failed job", func(b *broken, mem *jobs.MemStore) {
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			q.Order = min(q.Order, jobs.Ordered)
			return mem.Next(ctx, q)
		}
	}},
	{"next keeps the order under racing claims", func(b *broken, mem *jobs.MemStore) {
		// It does not check for other claims after its own.
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
	{"next fails under an ended context", func(b *broken, mem *jobs.MemStore) {
		b.next = func(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
			return mem.Next(context.WithoutCancel(ctx), q)
		}
	}},
	{"an unreadable record hides no others", func(b *broken, mem *jobs.MemStore) {
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
	{"an unreadable record hides no others", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
			page, err := mem.List(ctx, q)
			if err != nil {
				return nil, err
			}
			if page.Jobs, err = b.readable(page.Jobs, nil); err != nil {
				page.Next = "" // the fault: the listing ends there
			}
			return page, err
		}
	}},
	{"an unreadable record hides no others", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
			page, err := mem.List(ctx, q)
			if err == nil {
				page.Jobs, _ = b.readable(page.Jobs, nil) // the fault: the error is lost
			}
			return page, err
		}
	}},
	{"an unreadable record hides no others", func(b *broken, mem *jobs.MemStore) {
		b.list = func(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
			page, err := mem.List(ctx, q)
			if err != nil {
				return nil, err
			}
			if page.Jobs, err = b.readable(page.Jobs, nil); err != nil && len(page.Jobs) > 0 && page.Next != "" {
				// The fault: the cursor is that of the last readable job, so the next page
				// starts with the damaged ones; with a limit of 1, forever.
				page.Next = jobs.CursorOf(page.Jobs[len(page.Jobs)-1]).String()
			} else if err != nil {
				page.Next = q.Cursor
			}
			return page, err
		}
	}},
	{"an unreadable record hides no others", func(b *broken, mem *jobs.MemStore) {
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

// lastWins is an update that ignores the revision.
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

// Each clause must detect the faults planted for it.
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
		// Clauses with racing calls detect their faults in most runs, but not in all.
		var failure string
		for try := 0; failure == "" && try < 20; try++ {
			mem = jobs.NewMemStore()
			b := &broken{Store: mem}
			f.plant(b, mem)
			failure = check(t, c, b)
		}
		if failure == "" {
			t.Errorf("%s: the planted fault was not detected", f.clause)
		}
		t.Logf("%s: %s", f.clause, failure)
	}
	for name := range clauses {
		if !planted[name] {
			t.Errorf("%s: no fault is planted for it", name)
		}
	}
}

// deletesAny is a deletion that ignores the revision.
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
