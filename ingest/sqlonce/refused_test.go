package sqlonce_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/sqlonce"
)

// isDrivers reports whether an error wraps a driver's error.
func isDrivers(err error) bool {
	_, postgres := errors.AsType[*pgconn.PgError](err)
	_, lite := errors.AsType[*sqlite.Error](err)
	_, maria := errors.AsType[*mysql.MySQLError](err)
	return postgres || lite || maria
}

// onlyOutcome runs Each with one resource and returns how it was rejected.
func onlyOutcome(t *testing.T, keys *sqlonce.Keys, key string, apply sqlonce.Apply) (code, message string, err error) {
	t.Helper()
	b := batch(1)
	b.Key = key
	if err := keys.Each(t.Context(), b, apply); err != nil {
		return "", "", err
	}
	if !b.IsRejected(0) {
		return "", "", nil
	}
	// The stored rejection, for redelivery.
	code, message = stored(t, keys, key)
	return code, message, nil
}

func TestRecognizedErrors(t *testing.T) {
	const (
		value      = sqlonce.CodeValue
		constraint = sqlonce.CodeConstraint
	)
	each(t, func(t *testing.T, db *database) {
		ctx := t.Context()
		schema := []string{
			"CREATE TABLE parents (id INT NOT NULL PRIMARY KEY)",
			`CREATE TABLE things (id INT NOT NULL PRIMARY KEY, short VARCHAR(10), born DATE, n SMALLINT, kind VARCHAR(20) UNIQUE,
				parent INT, CHECK (n < 1000), FOREIGN KEY (parent) REFERENCES parents (id))`,
			"INSERT INTO things (id, kind) VALUES (1, '" + secret + "')",
		}
		cases := map[string][2]string{
			"not null":    {"INSERT INTO things (id) VALUES (NULL)", constraint},
			"primary key": {"INSERT INTO things (id) VALUES (1)", constraint},
			"unique":      {"INSERT INTO things (id, kind) VALUES (2, '" + secret + "')", constraint},
			"check":       {"INSERT INTO things (id, n) VALUES (2, 1001)", constraint},
			"foreign key": {"INSERT INTO things (id, parent) VALUES (2, 77)", constraint},
		}
		switch db.driver {
		case "sqlite":
			_, err := db.ExecContext(ctx, "PRAGMA foreign_keys = ON")
			require.NoError(t, err)
			db.SetMaxOpenConns(1)
			schema = append(schema, "CREATE TABLE strict_ones (n INTEGER) STRICT", "CREATE TABLE plain (id INTEGER PRIMARY KEY)",
				"CREATE TRIGGER guard BEFORE INSERT ON things WHEN NEW.id = 666 BEGIN SELECT RAISE(ABORT, '"+secret+"'); END")
			cases["type of a strict table"] = [2]string{"INSERT INTO strict_ones VALUES ('" + secret + "')", constraint}
			cases["type of a rowid"] = [2]string{"INSERT INTO plain VALUES ('" + secret + "')", value}
			cases["too big"] = [2]string{"INSERT INTO things (id, short) VALUES (2, zeroblob(2000000000))", value}
			cases["trigger"] = [2]string{"INSERT INTO things (id) VALUES (666)", constraint}
		case "pgx":
			schema = append(schema, "ALTER TABLE things ADD EXCLUDE (short WITH =)", "INSERT INTO things (id, short) VALUES (9, 'x')")
			cases["too long"] = [2]string{"INSERT INTO things (id, short) VALUES (2, '" + secret + secret + "')", value}
			cases["not a date"] = [2]string{"INSERT INTO things (id, born) VALUES (2, '" + secret + "'::text::date)", value}
			cases["a nonexistent date"] = [2]string{"INSERT INTO things (id, born) VALUES (2, '2030-02-30'::text::date)", value}
			cases["out of range"] = [2]string{"INSERT INTO things (id, n) VALUES (2, 100000)", value}
			cases["exclusion"] = [2]string{"INSERT INTO things (id, short) VALUES (3, 'x')", constraint}
			cases["not JSON"] = [2]string{"SELECT ('{' || '" + secret + "')::json", value}
		case "mysql":
			schema = append(schema, "CREATE TABLE kinds (kind ENUM ('a', 'b'), doc JSON)")
			cases["too long"] = [2]string{"INSERT INTO things (id, short) VALUES (2, '" + secret + secret + "')", value}
			cases["not a date"] = [2]string{"INSERT INTO things (id, born) VALUES (2, '" + secret + "')", value}
			cases["a nonexistent date"] = [2]string{"INSERT INTO things (id, born) VALUES (2, '2030-02-30')", value}
			cases["out of range"] = [2]string{"INSERT INTO things (id, n) VALUES (2, 100000)", value}
			cases["not a number"] = [2]string{"INSERT INTO things (id, n) VALUES (2, '" + secret + "')", value}
			cases["not in the ENUM"] = [2]string{"INSERT INTO kinds (kind) VALUES ('" + secret + "')", value}
			cases["not JSON"] = [2]string{"INSERT INTO kinds (doc) VALUES ('" + secret + "')", constraint}
		}
		for _, s := range schema {
			_, err := db.ExecContext(ctx, s)
			require.NoError(t, err, s)
		}
		for name, c := range cases {
			code, message, err := onlyOutcome(t, db.keys, name, func(ctx context.Context, tx *sql.Tx, _ *ingest.Resource) error {
				_, err := tx.ExecContext(ctx, c[0])
				require.True(t, isDrivers(err), "%s: %v", name, err)
				return fmt.Errorf("%s: %w", secret, err)
			})
			require.NoError(t, err, name)
			require.Equal(t, c[1], code, name)
			for _, quoted := range []string{secret, "things", "INSERT", "kind", "short"} {
				require.NotContains(t, message, quoted, name)
			}
			require.Regexp(t, `\((SQLSTATE [0-9A-Z]{5}(, error [0-9]+)?|SQLite code [0-9]+)\)$`, message, name)
		}
		// Errors of the statement are not caused by the resource.
		statements := []string{"INSERT INTO nowhere VALUES (1)", "SELEKT", "SELECT none FROM things"}
		if db.driver == "mysql" {
			statements = append(statements, "SELECT id FROM things JOIN parents ON true") // SQLSTATE 23000
		}
		for _, s := range statements {
			_, _, err := onlyOutcome(t, db.keys, s, func(ctx context.Context, tx *sql.Tx, _ *ingest.Resource) error {
				_, err := tx.ExecContext(ctx, s)
				return err
			})
			require.True(t, isDrivers(err), "%s: %v", s, err)
		}
	})
}

// state is an error like those of lib/pq.
type state string

func (state) Error() string      { return secret }
func (s state) SQLState() string { return string(s) }

func TestSQLStateErrors(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		for s, want := range map[state]string{
			"22007": sqlonce.CodeValue, "23505": sqlonce.CodeConstraint, "23": "", "22 07": "", "40001": "", "25P02": "", "": "",
			state("22" + secret): "",
		} {
			code, message, err := onlyOutcome(t, db.keys, "state "+string(s), func(context.Context, *sql.Tx, *ingest.Resource) error {
				return errors.Join(errors.New("one"), fmt.Errorf("two: %w", s))
			})
			require.Equal(t, want, code, s)
			require.Equal(t, want == "", errors.Is(err, s), s)
			require.NotContains(t, message, secret)
		}
	})
}

// Two handlers with different prefixes handle the same batch independently.
func TestOptionsPrefix(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		db.patients(t)
		other, err := sqlonce.Open(t.Context(), db.DB, &sqlonce.Options{Prefix: "other:"})
		require.NoError(t, err)
		for range 2 {
			b := batch(10, 5)
			require.NoError(t, db.keys.Each(t.Context(), b, db.insert))
			require.Equal(t, []int{5}, rejectedOf(b))
			b = batch(10, 5)
			require.NoError(t, other.Each(t.Context(), b, func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
				r.ID = "other " + r.ID
				if r.Index == 7 {
					return &sqlonce.Rejection{Code: "odd", Message: "Odd"}
				}
				return db.insert(ctx, tx, r)
			}))
			require.Equal(t, []int{5, 7}, rejectedOf(b))
		}
		require.Len(t, db.ids(t), 17)
		for _, prefix := range []string{"a b", "é", strings.Repeat("x", 101)} {
			_, err := sqlonce.Open(t.Context(), db.DB, &sqlonce.Options{Prefix: prefix})
			require.ErrorContains(t, err, "Options.Prefix")
		}
	})
}

func TestOptionsRefused(t *testing.T) {
	db := open(t, "sqlite", sqliteDSN(t))
	mine := errors.New(secret)
	keys, err := sqlonce.Open(t.Context(), db.DB, &sqlonce.Options{Refused: func(err error) bool { return errors.Is(err, mine) }})
	require.NoError(t, err)
	code, message, err := onlyOutcome(t, keys, "mine", func(context.Context, *sql.Tx, *ingest.Resource) error { return mine })
	require.NoError(t, err)
	require.Equal(t, sqlonce.CodeRefused, code)
	require.False(t, strings.Contains(message, secret))
}

// stored returns the stored rejection of the only resource of a batch.
func stored(t *testing.T, keys *sqlonce.Keys, key string) (code, message string) {
	t.Helper()
	text, err := keys.StoredForTest(t.Context(), key)
	require.NoError(t, err)
	var groups []struct{ Code, Message string }
	require.NoError(t, json.Unmarshal([]byte(text.String), &groups))
	require.Len(t, groups, 1)
	return groups[0].Code, groups[0].Message
}
