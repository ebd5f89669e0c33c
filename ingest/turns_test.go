package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
)

// countedHeads counts how often heads are asked for.
type countedHeads struct {
	*jobs.MemStore
	asked int
	fails bool
}

func (c *countedHeads) Heads(ctx context.Context, q jobs.HeadsQuery) ([]*jobs.Job, error) {
	if c.asked++; c.fails {
		return nil, errors.New("away")
	}
	return c.MemStore.Heads(ctx, q)
}

// taking is a worker whose claims end at once.
type taking struct {
	*turns
	t     *testing.T
	store *countedHeads
	n     int
	log   strings.Builder
}

func newTaking(t *testing.T, weight func(string) int) *taking {
	k := &taking{t: t, store: &countedHeads{MemStore: jobs.NewMemStore()}}
	s := &Service{opts: Options{Now: time.Now, Logger: slog.New(slog.NewTextHandler(&k.log, nil))}}
	k.turns = newTurns(k.store, nil, weight, s)
	return k
}

func (k *taking) add(organization string, n int, notBefore time.Time) {
	k.t.Helper()
	for range n {
		k.n++
		require.NoError(k.t, k.store.Create(k.t.Context(), &jobs.Job{
			ID: jobs.NewID(), OrganizationID: organization, State: jobs.Accepted, NotBefore: notBefore, CreatedAt: time.Unix(int64(k.n), 0),
		}))
	}
}

// wake is a wake-up of a job of an organization; it returns whose job was taken.
func (k *taking) wake(organization string) string {
	if job := k.next(k.t.Context(), organization); job != nil {
		organization = job.OrganizationID
		job.State = jobs.Completed
		require.NoError(k.t, k.store.Update(k.t.Context(), job))
	}
	k.claimed(organization)
	return organization
}

// end ends all jobs of an organization.
func (k *taking) end(organization string) {
	k.t.Helper()
	all, err := k.store.MemStore.Heads(k.t.Context(), jobs.HeadsQuery{OrganizationID: organization, PerOrganization: jobs.MaxPage})
	require.NoError(k.t, err)
	for _, job := range all {
		job.State = jobs.Completed
		require.NoError(k.t, k.store.Update(k.t.Context(), job))
	}
}

// However many wake-ups of one organization come, all that wait get their share.
func TestTurnsByWeight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTaking(t, func(organization string) int { return len(organization) })
		for _, organization := range []string{"b", "cc", "dddd"} {
			k.add(organization, 1000, time.Time{})
		}
		got := map[string]int{}
		for range 1600 {
			got[k.wake("a")]++
		}
		for organization, n := range got {
			require.InDelta(t, 200*len(organization), n, 60, "%v", got)
		}
		require.LessOrEqual(t, k.store.asked, 1600/turnsClaims+1, "the store is asked seldom")
	})
}

// An organization that comes new is served at once, and one that was away has saved
// nothing up.
func TestTurnsOfThoseWhoCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTaking(t, nil)
		for range 2 {
			for range 10_000 {
				require.Equal(t, "a", k.wake("a"))
			}
			k.add("b", 300, time.Time{})
			time.Sleep(turnsEvery)
			require.Equal(t, "b", k.wake("a"))
			got := map[string]int{}
			for range 100 {
				got[k.wake("a")]++
			}
			require.InDelta(t, 50, got["b"], turnsSlack)
			k.end("b")
			time.Sleep(turnsEvery)
		}
	})
}

// Wake-ups that come mixed are each followed for their own job, as long as none is
// far behind: workers do not race for the same heads.
func TestTurnsOfMixedWakeUps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTaking(t, nil)
		k.add("a", 500, time.Time{})
		k.add("b", 500, time.Time{})
		for range 2 * turnsSlack {
			k.wake("b") // whoever begins is ahead
		}
		detours := 0
		for i := range 400 {
			organization := string(rune('a' + i%2))
			if k.wake(organization) != organization {
				detours++
			}
		}
		require.LessOrEqual(t, detours, 20)
	})
}

// What is in its back-off is not offered.
func TestTurnsPassOverABackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTaking(t, nil)
		for range 2 * turnsSlack {
			k.wake("a")
		}
		time.Sleep(turnsEvery)
		k.add("b", 1, time.Now().Add(time.Minute))
		k.add("b", 1, time.Time{})
		require.Equal(t, "b", k.wake("a"))
		time.Sleep(time.Minute - turnsEvery)
		for range 2 * turnsSlack {
			require.Equal(t, "a", k.wake("a"))
		}
		time.Sleep(turnsEvery)
		require.Equal(t, "b", k.wake("a"))
	})
}

// Of any number of organizations each gets its turn, and little is remembered.
func TestTurnsOfManyOrganizations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTaking(t, nil)
		const many = 3000
		for i := range many {
			k.add(fmt.Sprintf("org-%d", i), 2, time.Time{})
		}
		got := map[string]int{}
		for n := 0; len(got) <= many; n++ {
			require.Less(t, n, 3*many, "%d had their turn", len(got))
			got[k.wake("a")]++
			require.LessOrEqual(t, len(k.shares), maxShares+2*turnsOrganizations)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		k := newTaking(t, nil)
		for i := range 10 * maxShares {
			k.wake(fmt.Sprintf("org-%d", i))
			require.LessOrEqual(t, len(k.shares), maxShares+2*turnsClaims)
		}
	})
}

// A store that can't tell is asked again and told of once; wake-ups are followed.
func TestTurnsWithoutHeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTaking(t, nil)
		k.add("b", 1, time.Time{})
		k.store.fails = true
		for range 10 {
			require.Equal(t, "a", k.wake("a"))
			time.Sleep(turnsEvery)
		}
		require.Equal(t, 10, k.store.asked)
		require.Equal(t, 1, strings.Count(k.log.String(), "waiting jobs not read"))
		k.store.fails = false
		require.Equal(t, "b", k.wake("a"))
	})
}
