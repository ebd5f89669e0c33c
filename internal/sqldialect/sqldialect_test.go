package sqldialect

import (
	"cmp"
	"context"
	"database/sql"
	"os"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
)

// The type of the driver says the same as the database, which is asked if the driver is a wrapper.
func TestDialects(t *testing.T) {
	for want, c := range map[Dialect]struct{ driver, dsn string }{
		SQLite:     {"sqlite", ":memory:"},
		PostgreSQL: {"pgx", cmp.Or(os.Getenv("FHIRDOCK_TEST_POSTGRES"), "postgres://postgres@127.0.0.1:5432/test")},
		MySQL:      {"mysql", cmp.Or(os.Getenv("FHIRDOCK_TEST_MARIADB"), "root@tcp(127.0.0.1:3306)/")},
	} {
		t.Run(string(want), func(t *testing.T) {
			db, err := sql.Open(c.driver, c.dsn)
			require.NoError(t, err)
			defer db.Close()
			got, err := Of(t.Context(), db)
			require.NoError(t, err)
			require.Equal(t, want, got)
			if err := db.PingContext(t.Context()); err != nil {
				require.NotEqual(t, "1", os.Getenv("FHIRDOCK_TEST_ALL"), "no server: %v", err)
				t.Skipf("SKIPPED: no server: %v", err)
			}
			got, err = ask(t.Context(), db)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestADatabaseThatDoesNotAnswer(t *testing.T) {
	db, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	defer db.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = ask(ctx, db)
	require.ErrorIs(t, err, ErrUnknown)
	require.ErrorIs(t, err, context.Canceled)
}
