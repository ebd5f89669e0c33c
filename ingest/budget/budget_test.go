package budget_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/budget"
)

func newBudget(t *testing.T, o budget.Options) *budget.Budget {
	t.Helper()
	b, err := budget.New(&o)
	require.NoError(t, err)
	return b
}

// admitted takes as many places for an organization as it can get.
func admitted(t *testing.T, b *budget.Budget, r budget.Request) (places []*budget.Place, refused *budget.Refusal) {
	t.Helper()
	for range 10_000 {
		p, err := b.Admit(r)
		if err != nil {
			require.ErrorAs(t, err, &refused)
			return places, refused
		}
		places = append(places, p)
	}
	t.Fatal("there is no limit")
	return nil, nil
}

func TestShares(t *testing.T) {
	for name, r := range map[string]budget.Request{
		"requests": {}, "bytes": {Bytes: 1 << 20}, "lists": {List: true}, "puts": {Put: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBudget(t, budget.Options{Requests: 96, Bytes: 96 << 20, Lists: 96, Puts: 96})
			of := func(organization string) budget.Request {
				r.Organization = organization
				return r
			}
			first, refused := admitted(t, b, of("a"))
			require.Len(t, first, 48)
			require.True(t, refused.Organization)
			require.Equal(t, http.StatusTooManyRequests, refused.Status())
			second, _ := admitted(t, b, of("b"))
			require.Len(t, second, 24)

			// Two that start at the same time get equal shares.
			for _, p := range append(first, second...) {
				p.Release()
			}
			places := map[string][]*budget.Place{}
			for grown := true; grown; {
				grown = false
				for _, organization := range []string{"a", "b"} {
					if p, err := b.Admit(of(organization)); err == nil {
						places[organization], grown = append(places[organization], p), true
					}
				}
			}
			require.Equal(t, []int{32, 32}, []int{len(places["a"]), len(places["b"])})
			for i := range 5 { // there is always something left for one more
				_, err := b.Admit(of(fmt.Sprint("late", i)))
				require.NoError(t, err)
			}
			for _, p := range append(places["a"], places["b"]...) {
				p.Release()
			}
			require.EqualValues(t, 5, b.Usage().Requests+b.Usage().Puts)
		})
	}
}

func TestTotalLimit(t *testing.T) {
	b := newBudget(t, budget.Options{Requests: 4, RequestsPerOrganization: 3})
	places, refused := admitted(t, b, budget.Request{Organization: "a"})
	require.Len(t, places, 3)
	require.Equal(t, `"requests";q=3;qu="concurrent-requests"`, refused.Header()["RateLimit-Policy"])
	_, err := b.Admit(budget.Request{Organization: "b"})
	require.NoError(t, err)
	_, err = b.Admit(budget.Request{Organization: "c"})
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusServiceUnavailable, refused.Status())
	require.NotContains(t, refused.Header(), "RateLimit-Policy", "must not reveal the server's limits")
	require.Regexp(t, `^"server-requests";r=0;t=[12]$`, refused.Header()["RateLimit"])
	places[0].Release()
	_, err = b.Admit(budget.Request{Organization: "c"})
	require.NoError(t, err)
}

func TestUnauthenticatedRequestsHaveTheirOwnLimit(t *testing.T) {
	b := newBudget(t, budget.Options{Unauthenticated: 5, Requests: 2})
	strangers, refused := admitted(t, b, budget.Request{})
	require.Len(t, strangers, 5)
	require.Equal(t, http.StatusServiceUnavailable, refused.Status())
	require.Equal(t, budget.ReasonUnauthenticated, refused.Reason)
	_, err := b.Admit(budget.Request{Organization: "a"})
	require.NoError(t, err)
}

func TestBodyLargerThanBytes(t *testing.T) {
	for _, each := range []int64{0, 40} {
		b := newBudget(t, budget.Options{Bytes: 100, BytesPerOrganization: each})
		p, err := b.Admit(budget.Request{Organization: "a", Bytes: 1 << 40})
		require.NoError(t, err)
		_, err = b.Admit(budget.Request{Organization: "a", Bytes: 1})
		require.Error(t, err)
		p.Release()
		require.Zero(t, b.Usage().Bytes)
	}
}

func TestGrow(t *testing.T) {
	b := newBudget(t, budget.Options{Bytes: 100})
	p, err := b.Admit(budget.Request{Organization: "a", Bytes: 10})
	require.NoError(t, err)
	require.NoError(t, p.Grow(5), "less than it has")
	require.NoError(t, p.Grow(50))
	require.EqualValues(t, 50, b.Usage().Bytes)
	other, err := b.Admit(budget.Request{Organization: "b", Bytes: 20})
	require.NoError(t, err)
	var refused *budget.Refusal
	require.ErrorAs(t, p.Grow(60), &refused)
	require.True(t, refused.Organization)
	require.EqualValues(t, 70, b.Usage().Bytes)
	other.Release()
	require.NoError(t, p.Grow(1000), "a request that is alone may use everything")
	require.EqualValues(t, 100, b.Usage().Bytes)
	p.Release()
	require.Zero(t, b.Usage())
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		b := newBudget(t, budget.Options{Rate: 2, Burst: 10, Observe: func(r *budget.Refusal) { seen = append(seen, r.Reason) }})
		burst := func(organization string) (n int, refused *budget.Refusal) {
			for ; refused == nil; n++ {
				p, err := b.Admit(budget.Request{Organization: organization})
				if err != nil {
					require.ErrorAs(t, err, &refused)
					return n, refused
				}
				p.Release()
			}
			return n, refused
		}
		n, refused := burst("a")
		require.Equal(t, 10, n)
		require.Equal(t, http.StatusTooManyRequests, refused.Status())
		require.GreaterOrEqual(t, refused.RetryAfter, 500*time.Millisecond)
		require.Equal(t, `"rate";q=10;w=5`, refused.Header()["RateLimit-Policy"])
		require.Regexp(t, `^"rate";r=0;t=[12]$`, refused.Header()["RateLimit"])
		require.Equal(t, strings.TrimPrefix(refused.Header()["RateLimit"], `"rate";r=0;t=`), refused.Header()["Retry-After"])
		n, _ = burst("b")
		require.Equal(t, 10, n, "another organization has its own rate")
		time.Sleep(2 * time.Second)
		n, _ = burst("a")
		require.Equal(t, 4, n)
		require.Equal(t, []string{"rate", "rate", "rate"}, seen)
	})
}

// Buckets of organizations that stopped sending are dropped.
func TestRatesOfManyOrganizations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, budget.Options{Rate: 1})
		for i := range 20_000 {
			p, err := b.Admit(budget.Request{Organization: fmt.Sprint(i)})
			require.NoError(t, err)
			p.Release()
			time.Sleep(time.Millisecond)
		}
		require.LessOrEqual(t, budget.Buckets(b), 4096) // 1,000 have sent in the last second
	})
}

// shelf is a Space with a fixed number of bytes.
type shelf struct{ left, written int64 }

var errShelf = errors.New("the shelf is full")

func (s *shelf) Reserve(n int64) (io.WriteCloser, error) {
	if n > s.left {
		return nil, errShelf
	}
	s.left -= n
	return &taken{s, n}, nil
}

type taken struct {
	of *shelf
	n  int64
}

func (t *taken) Write(p []byte) (int, error) {
	t.of.written += int64(len(p))
	return len(p), nil
}

func (t *taken) Close() error {
	t.of.left += t.n
	return nil
}

func TestSpaceForBodies(t *testing.T) {
	space := &shelf{left: 100}
	b := newBudget(t, budget.Options{Space: space, Bytes: 10})
	p, err := b.Admit(budget.Request{Organization: "a", Bytes: 80})
	require.NoError(t, err)
	var refused *budget.Refusal
	_, err = b.Admit(budget.Request{Organization: "b", Bytes: 30})
	require.ErrorAs(t, err, &refused, "the whole body needs space, however few of its bytes count")
	q, err := b.Admit(budget.Request{Organization: "b"})
	require.NoError(t, err, "a request without a body")
	p.Release()

	p, err = b.Admit(budget.Request{Organization: "b", Bytes: 5})
	require.NoError(t, err)
	err = p.Grow(101)
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, errShelf)
	require.Equal(t, budget.ReasonSpace, refused.Reason)
	require.Equal(t, http.StatusServiceUnavailable, refused.Status())
	require.GreaterOrEqual(t, refused.RetryAfter, 30*time.Second)
	require.NoError(t, p.Grow(99))
	require.EqualValues(t, 1, space.left)
	p.Release()
	q.Release()
	require.EqualValues(t, 100, space.left)

	p, err = b.Admit(budget.Request{Organization: "a", Put: true, Bytes: 90})
	require.NoError(t, err)
	require.Zero(t, b.Usage().Bytes, "a streamed file does not count")
	_, err = b.Admit(budget.Request{Organization: "b", Put: true, Bytes: 90})
	require.ErrorIs(t, err, errShelf)
	_, err = p.Write(make([]byte, 60))
	require.NoError(t, err)
	require.EqualValues(t, 60, space.written)
	p.Release()
	require.EqualValues(t, 100, space.left)
	require.Zero(t, b.Usage())
	require.Zero(t, b.Usage())
}

func TestInvalidOptions(t *testing.T) {
	for want, o := range map[string]budget.Options{
		"Requests must be":        {Requests: -1},
		"RequestsPerOrganization": {Requests: 1, RequestsPerOrganization: 2},
		"BytesPerOrganization":    {Bytes: 1, BytesPerOrganization: 2},
		"Bytes must not":          {Bytes: -1},
		"ListsPerOrganization":    {Lists: 1, ListsPerOrganization: 2},
		"Unauthenticated":         {Unauthenticated: -1},
		"Webhooks":                {Webhooks: -1},
		"Rate":                    {Rate: -1},
		"Burst":                   {Burst: 1},
		"Working must be":         {Working: -1},
		"WorkingShared":           {Working: 1, WorkingShared: 2},
		"MaxWait":                 {MaxWait: -1},
	} {
		_, err := budget.New(&o)
		require.ErrorContains(t, err, "budget: Options.")
		require.ErrorContains(t, err, want)
	}
	_, err := budget.New(nil)
	require.NoError(t, err)
}
