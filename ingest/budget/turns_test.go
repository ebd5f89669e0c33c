package budget_test

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/budget"
)

// worker admits requests, waits for their turns, works, and records them.
type worker struct {
	budget *budget.Budget
	work   time.Duration // default: a second
	mu     sync.Mutex
	order  []string
	errs   []error
}

// failed returns the errors so far.
func (w *worker) failed() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.errs)
}

// started returns the organizations whose requests had their turn so far, in order.
func (w *worker) started() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.order)
}

func (w *worker) start(ctx context.Context, t *testing.T, organization string) {
	p, err := w.budget.Admit(budget.Request{Organization: organization})
	require.NoError(t, err)
	go func() {
		defer p.Release()
		err := p.Enter(ctx)
		w.mu.Lock()
		if err != nil {
			w.errs = append(w.errs, err)
		} else {
			w.order = append(w.order, organization)
		}
		w.mu.Unlock()
		if err == nil {
			time.Sleep(cmp.Or(w.work, time.Second))
		}
	}()
	synctest.Wait()
}

func TestOrganizationsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{budget: newBudget(t, budget.Options{Working: 1, MaxWait: time.Hour})}
		for range 100 {
			w.start(t.Context(), t, "loud")
		}
		for range 3 {
			w.start(t.Context(), t, "quiet")
		}
		require.Equal(t, 102, w.budget.Usage().Waiting)
		time.Sleep(200 * time.Second)
		require.Equal(t, "loud loud quiet loud quiet loud quiet loud", strings.Join(w.started()[:8], " "))
		require.Len(t, w.started(), 103)
		require.Zero(t, w.budget.Usage())
	})
}

func TestTurnDoesNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{budget: newBudget(t, budget.Options{Working: 1, MaxWait: 300 * time.Millisecond})}
		gone, cancel := context.WithCancel(t.Context())
		w.start(t.Context(), t, "a")
		w.start(gone, t, "a")
		w.start(t.Context(), t, "a")
		w.start(t.Context(), t, "b")
		cancel()
		synctest.Wait()
		require.ErrorIs(t, w.failed()[0], context.Canceled)
		time.Sleep(time.Second)
		var refused *budget.Refusal
		for _, err := range w.failed()[1:] {
			require.ErrorAs(t, err, &refused)
			require.Equal(t, budget.ReasonTurn, refused.Reason)
			require.Equal(t, 503, refused.Status())
		}
		require.Len(t, w.failed(), 3)
		w.start(t.Context(), t, "b")
		require.Equal(t, []string{"a", "b"}, w.started(), "no turn is lost")
		time.Sleep(2 * time.Second)
		require.Zero(t, w.budget.Usage())
	})
}

// A turn given just as its request gives up is not lost.
func TestTurnAtTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{budget: newBudget(t, budget.Options{Working: 1, MaxWait: time.Second})}
		for range 50 {
			w.start(t.Context(), t, "a")
			w.start(t.Context(), t, "b")
			time.Sleep(3 * time.Second)
			require.Zero(t, w.budget.Usage())
		}
		require.GreaterOrEqual(t, len(w.started()), 50)
	})
}

// Another request works while one waits for its client.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{budget: newBudget(t, budget.Options{Working: 1, MaxWait: time.Hour})}
		p, err := w.budget.Admit(budget.Request{Organization: "a"})
		require.NoError(t, err)
		require.NoError(t, p.Enter(t.Context()))
		require.NoError(t, p.Enter(t.Context()), "it already has its turn")
		w.start(t.Context(), t, "b")
		require.Empty(t, w.started())
		p.Leave()
		synctest.Wait()
		require.Equal(t, []string{"b"}, w.started())
		began := time.Now()
		require.NoError(t, p.Enter(t.Context()))
		require.Equal(t, time.Second, time.Since(began))
		p.Release()
		require.Zero(t, w.budget.Usage())
	})
}

// MaxWait applies only to the first turn of a request that is not a Put, so that a late
// turn does not lose a partly received body.
func TestLateTurn(t *testing.T) {
	for name, req := range map[string]budget.Request{"put": {Organization: "a", Put: true}, "later turn": {Organization: "a"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBudget(t, budget.Options{Working: 1, MaxWait: time.Second})
				begun, err := b.Admit(req)
				require.NoError(t, err)
				if !req.Put {
					require.NoError(t, begun.Enter(t.Context()))
					begun.Leave()
				}
				other, err := b.Admit(budget.Request{Organization: "b"})
				require.NoError(t, err)
				require.NoError(t, other.Enter(t.Context()))
				time.AfterFunc(time.Hour, other.Leave)
				require.NoError(t, begun.Enter(t.Context()))
				begun.Release()
				other.Release()
				require.Zero(t, b.Usage())
			})
		})
	}
}

func TestWorkingShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{budget: newBudget(t, budget.Options{Working: 8, WorkingShared: 2, MaxWait: time.Hour})}
		for range 40 {
			w.start(t.Context(), t, "loud")
		}
		require.Len(t, w.started(), 8, "alone")
		w.start(t.Context(), t, "quiet")
		require.Len(t, w.started(), 8)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, w.started(), 10, "two instead of eight")
		require.Contains(t, w.started()[8:], "quiet")
		time.Sleep(11 * time.Second)
		synctest.Wait()
		require.Greater(t, len(w.started()), 10+11*2, "alone again")
		time.Sleep(time.Minute)
		require.Zero(t, w.budget.Usage())
	})
}
