package sqljobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
)

// An interrupted transaction leaves no locks and no open transaction: the next call, on the
// same connection if it was kept, claims the same jobs.
func TestInterruptedNext(t *testing.T) {
	stores, db := onPostgres(t, 1)
	store := stores[0]
	db.SetMaxOpenConns(1)
	_, other := onPostgres(t, 1)
	for n := range 3 {
		require.NoError(t, store.Create(t.Context(), newJob(n)))
	}
	now := time.Now().Add(time.Hour)
	take := func(j *jobs.Job) error {
		_, err := j.Take(now, "worker/1", time.Minute)
		return err
	}
	next := func(ctx context.Context, claim func(*jobs.Job) error) ([]*jobs.Job, error) {
		return store.Next(ctx, jobs.NextQuery{Now: now, Limit: 10, PerOrganization: 10, Claim: claim})
	}
	var session int // the only connection's
	for name, interrupt := range map[string]func(cancel func()){
		"cancelled": func(cancel func()) { cancel() },
		"cut": func(func()) {
			_, err := other.Exec("SELECT pg_terminate_backend($1)", session)
			require.NoError(t, err)
		},
	} {
		require.NoError(t, db.QueryRow("SELECT pg_backend_pid()").Scan(&session))
		ctx, cancel := context.WithCancel(t.Context())
		_, err := next(ctx, func(j *jobs.Job) error {
			err := take(j)
			interrupt(cancel)
			return err
		})
		cancel()
		require.Error(t, err, name)
		// A transaction that claims nothing is rolled back too, and keeps its connection.
		require.NoError(t, db.QueryRow("SELECT pg_backend_pid()").Scan(&session))
		found, err := next(t.Context(), func(*jobs.Job) error { return errors.New("not now") })
		require.NoError(t, err, name)
		require.Empty(t, found, name)
		var same bool
		require.NoError(t, db.QueryRow("SELECT pg_backend_pid() = $1", session).Scan(&same))
		require.True(t, same, "%s: the connection is kept", name)
		var state string
		require.NoError(t, other.QueryRow("SELECT state FROM pg_stat_activity WHERE pid = $1", session).Scan(&state))
		require.Equal(t, "idle", state, name)
	}
	found, err := next(t.Context(), take)
	require.NoError(t, err)
	require.Len(t, found, 3)
}
