package backends

import (
	"database/sql"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

func TestConnectionsSurviveAFailover(t *testing.T) {
	settings := func(dsn string) *pgx.ConnConfig {
		config, err := pgx.ParseConfig(dsn)
		require.NoError(t, err)
		survive(&config.Config, dsn)
		return config
	}
	byDefault := settings("postgres://host/db")
	require.NotNil(t, byDefault.ValidateConnect)
	require.Equal(t, 5*time.Second, byDefault.ConnectTimeout)
	asked := settings("postgres://host/db?target_session_attrs=any&connect_timeout=60")
	require.Nil(t, asked.ValidateConnect)
	require.Equal(t, time.Minute, asked.ConnectTimeout)
	t.Setenv("PGTARGETSESSIONATTRS", "any")
	require.Nil(t, settings("postgres://host/db").ValidateConnect)
}

// No session begins on a server that is read-only, unless the URL allows it.
func TestSessionsAreReadWrite(t *testing.T) {
	lent := proctest.Lend(t, servers.Postgres)
	u, err := url.Parse(lent.Jobs)
	require.NoError(t, err)
	q := u.Query()
	q.Set("default_transaction_read_only", "on")
	u.RawQuery = q.Encode()
	open := func(dsn string) *sql.DB {
		db, err := openPostgres(dsn)
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	require.ErrorContains(t, open(u.String()).PingContext(t.Context()), "read only")
	require.NoError(t, open(u.String()+"&target_session_attrs=any").PingContext(t.Context()))
}
