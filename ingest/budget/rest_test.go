package budget_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/budget"
)

func always() bool { return true }

// second is a short unit, because no rest is longer than a real second.
const second = 100 * time.Millisecond

// after waits for d and checks how many requests have had their turn.
func (w *worker) after(t *testing.T, d time.Duration, started int) {
	t.Helper()
	time.Sleep(d)
	synctest.Wait()
	require.Len(t, w.started(), started)
}

// While accepted work waits, requests are worked on one at a time, with a rest after each.
func TestTurnsRestWhileBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var isBehind atomic.Bool
		isBehind.Store(true)
		w := &worker{work: second, budget: newBudget(t, budget.Options{Working: 8, Behind: isBehind.Load, MaxWait: time.Hour})}
		for range 20 {
			w.start(t.Context(), t, "a")
		}
		w.after(t, 0, 1)
		w.after(t, 5*second-1, 1)
		w.after(t, 1, 2)
		isBehind.Store(false)
		w.after(t, second, 2+8)
		w.after(t, time.Minute, 20)
		require.Zero(t, w.budget.Usage())
	})
}

// A single request of an organization waits for another's turn, but not for the rest after
// it, which continues afterwards. A flood is followed by rests, and so are many
// organizations at the same time.
func TestSingleRequestDoesNotRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{work: second, budget: newBudget(t, budget.Options{Behind: always, MaxWait: time.Hour})}
		send := func(organizations string) {
			for organization := range strings.FieldsSeq(organizations) {
				w.start(t.Context(), t, organization)
			}
		}
		send("loud loud loud quiet")
		w.after(t, second, 2)
		w.after(t, second, 2)
		send("quiet")
		require.Equal(t, "loud quiet quiet", strings.Join(w.started(), " "))
		w.after(t, 5*second-1, 3) // until 7: a turn, a rest of 4, and quiet's two turns
		w.after(t, 1, 4)
		require.Equal(t, "loud", w.started()[3])

		send("quiet quiet")
		w.after(t, 5*second-1, 4)
		w.after(t, 1, 5)
		w.after(t, time.Minute, 7)

		send("a b c d e f")
		w.after(t, 5*second-1, 7+1)
		w.after(t, 1, 7+2)
		w.after(t, 4*second, 7+6) // the last four need no rest
		w.after(t, time.Minute, 13)
		require.Zero(t, w.budget.Usage())
	})
}

// The next request of an organization may wait for MaxWait. Later ones are refused soon.
func TestOnlyTheNextRequestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, budget.Options{Behind: always, MaxWait: time.Second})
		works, err := b.Admit(budget.Request{Organization: "loud"})
		require.NoError(t, err)
		require.NoError(t, works.Enter(t.Context()))
		w := &worker{budget: b}
		for _, organization := range []string{"loud", "loud", "loud", "quiet"} {
			w.start(t.Context(), t, organization)
		}
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		require.Len(t, w.failed(), 2, "loud's requests after its next one")
		time.Sleep(800 * time.Millisecond)
		works.Release()
		w.after(t, time.Minute, 1)
		require.Equal(t, []string{"quiet"}, w.started())
		require.Len(t, w.failed(), 3)
		require.Zero(t, b.Usage())
	})
}
