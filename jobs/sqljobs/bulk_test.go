package sqljobs_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// onPostgres opens several stores on the same jobs, each with its own pool.
func onPostgres(t *testing.T, stores int) (all []*sqljobs.Store, db *sql.DB) {
	t.Helper()
	dsn := schema(t, postgres(t))
	for range stores {
		var err error
		db, err = sql.Open("pgx", dsn)
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		s, err := sqljobs.Open(t.Context(), db, nil)
		require.NoError(t, err)
		all = append(all, s)
	}
	return all, db
}

func newJob(n int) *jobs.Job {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	return &jobs.Job{
		ID: jobs.DerivedID(fmt.Sprint(n)), OrganizationID: "a", State: jobs.Accepted, MaxAttempts: 3,
		CreatedAt: at, UpdatedAt: at, DueAt: at,
	}
}

// group holds calls until all of them wait, and then runs them.
type group struct {
	t       *testing.T
	waiting func() int
	resume  func()
	wg      sync.WaitGroup
	calls   int
}

func newGroup(t *testing.T, s *sqljobs.Store) *group {
	g := &group{t: t}
	g.waiting, g.resume = s.HoldForTest()
	return g
}

// call starts a call and returns once it waits.
func (g *group) call(do func() error) *error {
	err := new(error)
	g.wg.Go(func() { *err = do() })
	g.calls++
	for g.waiting() < g.calls {
		runtime.Gosched()
	}
	return err
}

func (g *group) run() {
	g.resume()
	g.wg.Wait()
}

// Each call of a group gets the answer it would get alone.
func TestBulkAnswersEachCall(t *testing.T) {
	stores, db := onPostgres(t, 1)
	s, ctx := stores[0], t.Context()
	for n := range 5 {
		require.NoError(t, s.Create(ctx, newJob(n)))
	}
	g := newGroup(t, s)
	create := func(job *jobs.Job) *error { return g.call(func() error { return s.Create(ctx, job) }) }
	update := func(job *jobs.Job) *error { return g.call(func() error { return s.Update(ctx, job) }) }
	at := func(n int, revision int64, user string) *jobs.Job {
		job := newJob(n)
		job.Revision, job.UserID = revision, user
		return job
	}

	fresh := newJob(10)
	created := create(fresh)
	there := create(newJob(0))
	twice := []*error{create(newJob(11)), create(newJob(11))}
	nul, long, odd := newJob(12), newJob(13), newJob(14)
	nul.ID += "\x00"
	odd.OrganizationID = `a{},"\'é` + "\n\t NULL"
	odd.UserID = "line\nfeed\u2028"
	random := make([]byte, 8_000) // does not fit into a page of an index
	_, _ = rand.Read(random)
	long.OrganizationID = hex.EncodeToString(random)
	broken := []*error{create(nul), create(long)}
	strange := create(odd)

	first := at(1, 1, "first")
	updated := update(first)
	stale := update(at(2, 7, "stale"))
	missing := update(at(99, 1, "nobody"))
	never := at(3, 1, "never due")
	never.DueAt = time.Time{}
	neverDue := update(never)
	racing := []*error{update(at(4, 1, "a")), update(at(4, 1, "b"))}

	var got *jobs.Job
	read := g.call(func() (err error) { got, err = s.Get(ctx, jobs.DerivedID("0")); return err })
	readAgain := g.call(func() error { _, err := s.Get(ctx, jobs.DerivedID("0")); return err })
	unknown := g.call(func() error { _, err := s.Get(ctx, "none"); return err })
	unreadable := g.call(func() error { _, err := s.Get(ctx, "none\x00"); return err })
	g.run()

	for _, err := range []*error{created, strange, updated, neverDue, read, readAgain} {
		require.NoError(t, *err)
	}
	require.ErrorIs(t, *there, jobs.ErrExists)
	require.ElementsMatch(t, []error{nil, jobs.ErrExists}, []error{*twice[0], *twice[1]})
	for _, err := range append(broken, unreadable) {
		require.Error(t, *err)
		require.NotErrorIs(t, *err, jobs.ErrExists)
		require.NotErrorIs(t, *err, jobs.ErrNotFound)
		require.NotContains(t, (*err).Error(), long.OrganizationID[:20])
	}
	require.ErrorIs(t, *stale, jobs.ErrConflict)
	require.ErrorIs(t, *missing, jobs.ErrNotFound)
	require.ErrorIs(t, *unknown, jobs.ErrNotFound)
	require.ElementsMatch(t, []error{nil, jobs.ErrConflict}, []error{*racing[0], *racing[1]})

	require.EqualValues(t, 1, got.Revision)
	require.EqualValues(t, 1, fresh.Revision)
	require.EqualValues(t, 2, first.Revision)
	winner := "a"
	if *racing[0] != nil {
		winner = "b"
	}
	for n, user := range map[int]string{0: "", 1: "first", 2: "", 3: "never due", 4: winner} {
		job, err := s.Get(ctx, jobs.DerivedID(fmt.Sprint(n)))
		require.NoError(t, err)
		require.Equal(t, user, job.UserID)
		require.Equal(t, "a", job.OrganizationID)
		require.Equal(t, newJob(n).CreatedAt, job.CreatedAt)
	}
	job, err := s.Get(ctx, odd.ID)
	require.NoError(t, err)
	require.Equal(t, odd, job)
	_, err = s.Get(ctx, jobs.DerivedID("99"))
	require.ErrorIs(t, err, jobs.ErrNotFound, "an update created a job")
	var due int
	require.NoError(t, db.QueryRow("SELECT count(*) FROM fhirdock_jobs WHERE due_at IS NULL").Scan(&due))
	require.Equal(t, 1, due)
}

// Calls that wait for the same round trip share a transaction.
func TestBulkSharesATransaction(t *testing.T) {
	stores, db := onPostgres(t, 1)
	s := stores[0]
	transactions := func() (n int) {
		require.NoError(t, db.QueryRow("SELECT count(DISTINCT xmin::text) FROM fhirdock_jobs").Scan(&n))
		return n
	}
	all := make([]*jobs.Job, 100)
	g := newGroup(t, s)
	for n := range all {
		all[n] = newJob(n)
		g.call(func() error { return s.Create(t.Context(), all[n]) })
	}
	g.run()
	require.Equal(t, 1, transactions())
	g = newGroup(t, s)
	for _, job := range all {
		g.call(func() error { return s.Update(t.Context(), job) })
	}
	g.run()
	require.Equal(t, 1, transactions())
	for _, job := range all {
		require.EqualValues(t, 2, job.Revision)
	}
}

// A call returns when its context ends, whatever its group waits for. A group ends when no
// caller waits for it.
func TestBulkGivesUp(t *testing.T) {
	stores, db := onPostgres(t, 1)
	s := stores[0]
	var all []*jobs.Job
	for n := range sqljobs.BulkGroupsForTest + 1 {
		all = append(all, newJob(n))
		require.NoError(t, s.Create(t.Context(), all[n]))
	}
	free := all[len(all)-1]
	lock, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = lock.Rollback() }()
	_, err = lock.Exec("SELECT 1 FROM fhirdock_jobs WHERE id <> $1 FOR UPDATE", free.ID)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for n, job := range all[:sqljobs.BulkGroupsForTest] {
		wg.Go(func() {
			if err := s.Update(ctx, job.Clone()); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		require.Eventually(t, func() bool { // in its own group
			var waiting int
			err := db.QueryRow(`SELECT count(*) FROM pg_locks WHERE NOT granted
				AND pid IN (SELECT pid FROM pg_locks WHERE relation = 'fhirdock_jobs'::regclass)`).Scan(&waiting)
			return err == nil && waiting == n+1
		}, 5*time.Second, time.Millisecond)
	}
	cancel()
	wg.Wait()
	require.NoError(t, s.Update(t.Context(), free))
}

// Processes that change the same jobs in different orders never deadlock.
func TestBulkNeverDeadlocks(t *testing.T) {
	stores, _ := onPostgres(t, 2)
	const many = 100
	all := make([]*jobs.Job, many)
	for n := range all {
		all[n] = newJob(n)
	}
	for round := range 10 {
		var won [many]int
		var mu sync.Mutex
		groups := make([]*group, len(stores))
		for i, s := range stores {
			groups[i] = newGroup(t, s)
			order := slices.Clone(all)
			if i == 1 {
				slices.Reverse(order)
			}
			for _, job := range order {
				n := slices.Index(all, job)
				mine := job.Clone()
				groups[i].call(func() error {
					var err error
					if round == 0 {
						err = s.Create(t.Context(), mine)
					} else {
						err = s.Update(t.Context(), mine)
					}
					if err == nil {
						mu.Lock()
						won[n]++
						all[n] = mine
						mu.Unlock()
					} else if !errors.Is(err, jobs.ErrConflict) && !errors.Is(err, jobs.ErrExists) {
						t.Error(err)
					}
					return err
				})
			}
		}
		for _, g := range groups {
			g.resume()
		}
		for _, g := range groups {
			g.wg.Wait()
		}
		for _, n := range won {
			require.Equal(t, 1, n)
		}
	}
}

// Sweepers of several processes read the same page and all try to rescue its jobs. For
// each job exactly one succeeds; the others get a conflict.
func TestSeveralSweepersRescueEachJobOnce(t *testing.T) {
	stores, _ := onPostgres(t, 4)
	const many = 400
	now := newJob(0).DueAt
	var wg sync.WaitGroup
	for n := range many {
		job := newJob(n)
		job.State, job.Attempt, job.LeaseOwner = jobs.Processing, 1, "silent"
		wg.Go(func() {
			if err := stores[0].Create(t.Context(), job); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	rescued := make([]atomic.Int32, many)
	number := map[string]int{}
	for n := range many {
		number[newJob(n).ID] = n
	}
	sweep := func(s *sqljobs.Store) error {
		for {
			due, err := s.Due(t.Context(), now, 50)
			if err != nil || len(due) == 0 {
				return err
			}
			var page errgroup.Group
			for _, job := range due {
				page.Go(func() error {
					_, err := jobs.Change(t.Context(), s, job.ID, func(j *jobs.Job) error { return j.Rescue(now, time.Time{}) })
					if errors.Is(err, jobs.ErrState) {
						return nil
					}
					rescued[number[job.ID]].Add(1)
					return err
				})
			}
			if err := page.Wait(); err != nil {
				return err
			}
		}
	}
	var all errgroup.Group
	for _, s := range stores {
		all.Go(func() error { return sweep(s) })
	}
	require.NoError(t, all.Wait())
	for n := range rescued {
		require.EqualValues(t, 1, rescued[n].Load(), n)
	}
}
