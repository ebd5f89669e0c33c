package sqljobs_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// A failure to connect is an error, not an empty result.
func TestNextOfClosedDatabase(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db *sql.DB, _ sqljobs.Dialect, store *sqljobs.Store) {
		require.NoError(t, db.Close())
		for _, order := range []jobs.Order{jobs.Unordered, jobs.Ordered, jobs.Blocking} {
			for _, claim := range []func(*jobs.Job) error{nil, func(*jobs.Job) error { return nil }} {
				_, err := store.Next(t.Context(), jobs.NextQuery{Now: time.Now(), Order: order, Claim: claim})
				require.Error(t, err)
			}
		}
	})
}
