package jobs

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever is done to the jobs, the heads are those that a look at all jobs finds.
func TestHeadsOfMemStore(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := NewMemStore()
	var all []*Job
	for step := range 3000 {
		if len(all) < 100 {
			job := &Job{ID: NewID(), OrganizationID: string(rune('a' + rng.IntN(5))), CreatedAt: at.Add(time.Duration(rng.IntN(20)) * time.Second)}
			job.State = States()[rng.IntN(len(States()))]
			require.NoError(t, s.Create(t.Context(), job))
			all = append(all, job)
		}
		job := all[rng.IntN(len(all))]
		job.State = States()[rng.IntN(len(States()))]
		job.StartedAt = time.Time{}
		if rng.IntN(2) == 0 {
			job.StartedAt = at
		}
		require.NoError(t, s.Update(t.Context(), job))
		if step%10 != 0 {
			continue
		}
		q := HeadsQuery{Standing: Standing(rng.IntN(3)), Organizations: rng.IntN(5), PerOrganization: rng.IntN(6)}
		switch rng.IntN(3) {
		case 0:
			q.OrganizationID = string(rune('a' + rng.IntN(5)))
		case 1:
			q.After = string(rune('a' + rng.IntN(5)))
		}
		got, err := s.Heads(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, ids(headsByLooking(all, q)), ids(got), fmt.Sprintf("%+v", q))
	}
}

// headsByLooking is Heads at its simplest.
func headsByLooking(all []*Job, q HeadsQuery) (heads []*Job) {
	organizations, each := q.Bounds()
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b *Job) int {
		return cmp.Or(cmp.Compare(a.OrganizationID, b.OrganizationID), CursorOf(a).Compare(CursorOf(b)))
	})
	n := map[string]int{}
	for _, j := range sorted {
		has := func(k *Job) bool {
			return k.OrganizationID == j.OrganizationID && Unfinished.Has(k) && (q.Standing != Waiting || Waiting.Has(k))
		}
		if !q.Standing.Has(j) || !slices.ContainsFunc(all, has) ||
			q.OrganizationID != "" && j.OrganizationID != q.OrganizationID || q.OrganizationID == "" && j.OrganizationID <= q.After {
			continue
		}
		if n[j.OrganizationID] == 0 && len(n) == organizations {
			break
		}
		if n[j.OrganizationID]++; n[j.OrganizationID] <= each {
			heads = append(heads, j)
		}
	}
	return heads
}

func ids(js []*Job) []string {
	list := []string{}
	for _, j := range js {
		list = append(list, j.ID)
	}
	return list
}

// BenchmarkMemHeads shows that heads cost the same behind many finished jobs and
// before many waiting ones.
//
//	go test -run xxx -bench MemHeads ./jobs
func BenchmarkMemHeads(b *testing.B) {
	for _, n := range []int{1_000, 300_000} {
		s := NewMemStore()
		for i := range 2 * n {
			job := &Job{ID: NewID(), OrganizationID: "a", State: Completed, CreatedAt: at.Add(time.Duration(i) * time.Second)}
			if i >= n {
				job.State = Accepted
			}
			if err := s.Create(b.Context(), job); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if heads, err := s.Heads(b.Context(), HeadsQuery{PerOrganization: 16}); err != nil || len(heads) != 16 {
					b.Fatal(len(heads), err)
				}
			}
		})
	}
}
