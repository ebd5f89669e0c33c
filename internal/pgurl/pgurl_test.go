package pgurl_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/internal/pgurl"
	"github.com/fhirdock/fhirdock/internal/urlmux"
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
}

// Errors don't quote the URL, which may have a password.
func TestURLIsNotQuoted(t *testing.T) {
	for _, dsn := range []string{
		"postgres://user:s3cret@host:port/db", "postgres://host/db?password=s3cret&sslmode=s3cret", "postgres://user:s3cret%zz@host/db",
	} {
		_, err := pgurl.Parse(dsn)
		require.ErrorIs(t, err, pgurl.ErrURL)
		_, _, err = pgurl.OpenDB(t.Context(), dsn)
		require.ErrorIs(t, err, pgurl.ErrURL)
	}
}

// The job store and the topic of one program have one pool.
func TestOnePool(t *testing.T) {
	ctx := urlmux.Sharing(t.Context())
	one, release, err := pgurl.OpenDB(ctx, "postgres://host/db")
	require.NoError(t, err)
	two, releaseTwo, err := pgurl.OpenDB(ctx, "postgres://host/db")
	require.NoError(t, err)
	require.Same(t, one, two)
	require.Equal(t, 32, one.Stats().MaxOpenConnections)
	require.NoError(t, release())
	require.NoError(t, releaseTwo())
	require.ErrorContains(t, one.PingContext(t.Context()), "closed")
}
