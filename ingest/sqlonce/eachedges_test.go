package sqlonce_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
)

// If Apply ignores an error of the database, PostgreSQL has aborted the transaction, and
// nothing is committed.
func TestIgnoredError(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		if db.driver != "pgx" {
			t.Skip("only PostgreSQL aborts a transaction at the first error")
		}
		db.patients(t)
		b := batch(300, 100)
		require.Error(t, db.keys.Each(t.Context(), b, func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
			_ = db.insert(ctx, tx, r)
			return nil
		}))
		require.Empty(t, rejectedOf(b))
		require.Empty(t, db.ids(t))
		require.Zero(t, db.keysLeft(t))
	})
}

// A constraint that rolls back the whole transaction, not only the statement, fails the
// batch, so that later effects are not committed on their own.
func TestConstraintThatRollsBack(t *testing.T) {
	db := open(t, "sqlite", sqliteDSN(t))
	_, err := db.ExecContext(t.Context(), "CREATE TABLE patients (id TEXT PRIMARY KEY ON CONFLICT ROLLBACK, name TEXT)")
	require.NoError(t, err)
	b := batch(10)
	b.Resources[5].ID = "p4"
	require.ErrorContains(t, db.keys.Each(t.Context(), b, db.insert), "roll back refused resource")
	require.Empty(t, db.ids(t))
	require.Zero(t, db.keysLeft(t))
	require.NoError(t, db.keys.Each(t.Context(), batch(10), db.insert))
	require.Len(t, db.ids(t), 10)
}

// A constraint that is checked on commit fails the batch, unless Apply checks it earlier.
func TestDeferredConstraints(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		if db.driver == "mysql" {
			t.Skip("MySQL has no deferred constraints")
		}
		dsn := db.dsn
		if db.driver == "sqlite" {
			dsn += "&_pragma=foreign_keys(1)"
		}
		db = open(t, db.driver, dsn)
		for _, s := range []string{
			"CREATE TABLE parents (id TEXT PRIMARY KEY)", "INSERT INTO parents VALUES ('a name')",
			"CREATE TABLE patients (id TEXT PRIMARY KEY, name TEXT REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)",
		} {
			_, err := db.ExecContext(t.Context(), s)
			require.NoError(t, err)
		}
		for i := range 5 { // the connection must stay usable
			b := batch(10, 5)
			b.Key, b.Resources[2].ID = fmt.Sprint(i), b.Resources[1].ID // violates the constraint
			err := db.keys.Each(t.Context(), b, db.insert)
			require.ErrorContains(t, err, "commit")
			require.True(t, isDrivers(err))
			require.Empty(t, rejectedOf(b), "rejections only count once they are stored")
			require.Empty(t, db.ids(t))
			require.Zero(t, db.keysLeft(t))
		}
		if db.driver != "pgx" {
			return
		}
		b := batch(10, 5)
		require.NoError(t, db.keys.Each(t.Context(), b, func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
			if err := db.insert(ctx, tx, r); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, "SET CONSTRAINTS ALL IMMEDIATE")
			return err
		}))
		require.Equal(t, []int{5}, rejectedOf(b))
		require.Len(t, db.ids(t), 9)
	})
}
