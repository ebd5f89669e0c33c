package linearize_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/jobstest"
	"github.com/fhirdock/fhirdock/jobs/jobstest/linearize"
)

// For a longer run:
//
//	FHIRDOCK_HISTORIES=1000 go test -run TestMemStore -v ./jobs/jobstest/linearize
func TestMemStore(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("FHIRDOCK_HISTORIES"))
	linearize.Run(t, func(jobstest.T) jobs.Store { return slow{jobs.NewMemStore()} },
		&linearize.Options{Histories: n, Snapshots: true, Latency: 20 * time.Microsecond})
}

// slow delays each call before and after, like a store accessed over a network.
type slow struct{ jobs.Store }

func (s slow) Create(ctx context.Context, j *jobs.Job) error {
	defer runtime.Gosched()
	runtime.Gosched()
	return s.Store.Create(ctx, j)
}

func (s slow) Get(ctx context.Context, id string) (*jobs.Job, error) {
	defer runtime.Gosched()
	runtime.Gosched()
	return s.Store.Get(ctx, id)
}

func (s slow) Update(ctx context.Context, j *jobs.Job) error {
	defer runtime.Gosched()
	runtime.Gosched()
	return s.Store.Update(ctx, j)
}

// faulty is a store with a planted fault. Each function that is set replaces a method.
type faulty struct {
	jobs.Store
	create func(context.Context, *jobs.Job) error
	get    func(context.Context, string) (*jobs.Job, error)
	update func(context.Context, *jobs.Job) error
	due    func(context.Context, time.Time, int) ([]*jobs.Job, error)
}

func (f *faulty) Create(ctx context.Context, j *jobs.Job) error {
	if f.create != nil {
		return f.create(ctx, j)
	}
	return f.Store.Create(ctx, j)
}

func (f *faulty) Get(ctx context.Context, id string) (*jobs.Job, error) {
	if f.get != nil {
		return f.get(ctx, id)
	}
	return f.Store.Get(ctx, id)
}

func (f *faulty) Update(ctx context.Context, j *jobs.Job) error {
	if f.update != nil {
		return f.update(ctx, j)
	}
	return f.Store.Update(ctx, j)
}

func (f *faulty) Due(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
	if f.due != nil {
		return f.due(ctx, now, limit)
	}
	return f.Store.Due(ctx, now, limit)
}

var errAway = errors.New("away")

// once returns true for one in n calls.
func once(n int) bool { return rand.IntN(n) == 0 }

func TestFaultsAreFound(t *testing.T) {
	for name, plant := range map[string]func(f *faulty){
		"an update is lost": func(f *faulty) {
			// Compare and set are two steps.
			f.update = func(ctx context.Context, j *jobs.Job) error {
				now, err := f.Store.Get(ctx, j.ID)
				if err != nil {
					return err
				}
				if now.Revision != j.Revision {
					return jobs.ErrConflict
				}
				runtime.Gosched()
				next := j.Clone()
				for {
					if now, err = f.Store.Get(ctx, j.ID); err != nil {
						return err
					}
					if next.Revision = now.Revision; f.Store.Update(ctx, next) == nil {
						j.Revision++
						return nil
					}
				}
			}
		},
		"a read is stale": func(f *faulty) {
			var mu sync.Mutex
			cache := map[string]*jobs.Job{}
			f.get = func(ctx context.Context, id string) (*jobs.Job, error) {
				mu.Lock()
				defer mu.Unlock()
				if j := cache[id]; j != nil && once(10) {
					return j.Clone(), nil
				}
				j, err := f.Store.Get(ctx, id)
				if err == nil {
					cache[id] = j.Clone()
				}
				return j, err
			}
		},
		"an acknowledged update vanishes": func(f *faulty) {
			f.update = func(ctx context.Context, j *jobs.Job) error {
				if once(20) {
					j.Revision++
					return nil
				}
				return f.Store.Update(ctx, j)
			}
		},
		"an acknowledged creation vanishes": func(f *faulty) {
			f.create = func(ctx context.Context, j *jobs.Job) error {
				if once(5) {
					j.Revision = 1
					return nil
				}
				return f.Store.Create(ctx, j)
			}
		},
		"an update that was made is reported as a conflict": func(f *faulty) {
			f.update = func(ctx context.Context, j *jobs.Job) error {
				err := f.Store.Update(ctx, j)
				if err == nil && once(20) {
					return jobs.ErrConflict
				}
				return err
			}
		},
		"a second creation succeeds": func(f *faulty) {
			f.create = func(ctx context.Context, j *jobs.Job) error {
				err := f.Store.Create(ctx, j)
				if errors.Is(err, jobs.ErrExists) && once(5) {
					return nil
				}
				return err
			}
		},
		"a failed update is made twice later": func(f *faulty) {
			f.update = func(ctx context.Context, j *jobs.Job) error {
				if !once(20) {
					return f.Store.Update(ctx, j)
				}
				if next := j.Clone(); f.Store.Update(ctx, next) == nil {
					_ = f.Store.Update(ctx, next)
				}
				return errAway
			}
		},
		"due is stale": func(f *faulty) {
			var mu sync.Mutex
			var last []*jobs.Job
			f.due = func(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
				mu.Lock()
				defer mu.Unlock()
				if last != nil && once(3) {
					return last, nil
				}
				got, err := f.Store.Due(ctx, now, limit)
				last = got
				return got, err
			}
		},
		"records are torn": func(f *faulty) {
			f.get = func(ctx context.Context, id string) (*jobs.Job, error) {
				j, err := f.Store.Get(ctx, id)
				if err == nil && once(20) {
					j.Progress.Done++
				}
				return j, err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &faulty{Store: slow{jobs.NewMemStore()}}
			plant(f)
			_, err := linearize.Check(t.Context(), f, &linearize.Options{Histories: 200, Snapshots: true, Latency: 20 * time.Microsecond})
			require.Error(t, err, "the fault was not detected")
			require.NotContains(t, err.Error(), "could not be checked")
			t.Log(err)
		})
	}
}

// A store may make a change late if it reported the outcome as unknown.
func TestUnknownOutcomes(t *testing.T) {
	f := &faulty{Store: jobs.NewMemStore()}
	f.update = func(ctx context.Context, j *jobs.Job) error {
		switch rand.IntN(10) {
		case 0:
			return errAway
		case 1:
			_ = f.Store.Update(ctx, j.Clone())
			return errAway
		}
		return f.Store.Update(ctx, j)
	}
	_, err := linearize.Check(t.Context(), f, &linearize.Options{Snapshots: true})
	require.NoError(t, err)
}

func TestOptionsThatCannotWork(t *testing.T) {
	for _, o := range []linearize.Options{{Histories: -1}, {Clients: -1}, {Calls: -1}, {Latency: -1}} {
		_, err := linearize.Check(t.Context(), jobs.NewMemStore(), &o)
		require.ErrorContains(t, err, "must not be negative", "%+v", o)
	}
	_, err := linearize.Check(t.Context(), nil, nil)
	require.ErrorContains(t, err, "needs a store")
}
