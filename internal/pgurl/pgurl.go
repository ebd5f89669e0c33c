// Package pgurl reads PostgreSQL URLs, with the defaults that a connection needs to come
// through a failover.
package pgurl

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/fhirdock/fhirdock/internal/urlmux"
)

const (
	// ConnLifetime ends connections, so that none stays with a server that the host name
	// no longer means.
	ConnLifetime = 5 * time.Minute
	// StartTimeout is how long a start waits for a server that may be away.
	StartTimeout = 5 * time.Second
)

// ErrURL replaces pgx's own error, which quotes the URL, and with some mistakes the
// password.
var ErrURL = errors.New("the URL must be postgres://USER:PASSWORD@HOST:5432/DATABASE with parameters of libpq")

// Parse reads the URL of a connection.
func Parse(dsn string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, ErrURL
	}
	survive(&config.Config, dsn)
	return config, nil
}

// OpenDB opens a pool of up to 32 connections. Openers share it if they are called with one
// context of [urlmux.Sharing] and the same dsn. It does not connect. Call release once
// after use.
func OpenDB(ctx context.Context, dsn string) (db *sql.DB, release func() error, err error) {
	return urlmux.Share(ctx, "postgres "+dsn, func() (*sql.DB, error) {
		config, err := Parse(dsn)
		if err != nil {
			return nil, err
		}
		db := stdlib.OpenDB(*config)
		db.SetMaxOpenConns(32)
		db.SetMaxIdleConns(16) // twice as many as a job store's concurrent writes; the default is 2
		db.SetConnMaxLifetime(ConnLifetime)
		return db, nil
	}, func(db *sql.DB) error {
		_ = db.Close() // fails to say goodbye on broken connections; they are closed anyway
		return nil
	})
}

// survive sets what neither the URL nor the environment does: a connection begins only on
// a server that accepts writes, is given up if that takes too long, and notices a server
// that is gone.
func survive(config *pgconn.Config, dsn string) {
	if !says(dsn, "target_session_attrs", "PGTARGETSESSIONATTRS") {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if !says(dsn, "connect_timeout", "PGCONNECT_TIMEOUT") {
		config.ConnectTimeout = 5 * time.Second
	}
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}
	config.DialFunc = dialer.DialContext
}

// says reports whether a URL or the environment sets a parameter.
func says(dsn, parameter, variable string) bool {
	if os.Getenv(variable) != "" {
		return true
	}
	u, err := url.Parse(dsn) // pgx has read it
	return err == nil && u.Query().Has(parameter)
}

// Away reports whether an error means that no server can be used at the moment: none is
// reached, or it is starting, stopping, or out of connections. Any other answer, such as a
// wrong password, is a mistake in the configuration.
func Away(err error) bool {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(answer.Code, "57P0") || strings.HasPrefix(answer.Code, "53")
	}
	_, network := errors.AsType[*net.OpError](err)
	_, unnamed := errors.AsType[*net.DNSError](err)
	return network || unnamed || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}
