package pgurl_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/internal/pgurl"
)

func TestConnectionsSurviveAFailover(t *testing.T) {
	settings := func(dsn string) *pgx.ConnConfig {
		config, err := pgurl.Parse(dsn)
		require.NoError(t, err)
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

	pool, err := pgurl.ParsePool("postgres://host/db")
	require.NoError(t, err)
	require.Equal(t, pgurl.ConnLifetime, pool.MaxConnLifetime)
	pool, err = pgurl.ParsePool("postgres://host/db?pool_max_conn_lifetime=1h")
	require.NoError(t, err)
	require.Equal(t, time.Hour, pool.MaxConnLifetime)
}

// Errors don't quote the URL, which may have a password.
func TestURLIsNotQuoted(t *testing.T) {
	for _, dsn := range []string{
		"postgres://user:s3cret@host:port/db", "postgres://host/db?password=s3cret&sslmode=s3cret", "postgres://user:s3cret%zz@host/db",
	} {
		_, err := pgurl.Parse(dsn)
		require.ErrorIs(t, err, pgurl.ErrURL)
		_, err = pgurl.ParsePool(dsn)
		require.ErrorIs(t, err, pgurl.ErrURL)
	}
}
