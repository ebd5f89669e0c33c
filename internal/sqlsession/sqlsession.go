// Package sqlsession runs statements on PostgreSQL sessions that can write, also after a
// failover.
package sqlsession

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// ReadOnly is the SQLSTATE of a write on a standby.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const ReadOnly = "25006"

// ErrOpen: a transaction may still be open on the connection, so it must be closed.
var ErrOpen = errors.New("a transaction could not be rolled back")

// Writable calls do with a connection. If its session is read-only, because the server is,
// or was, a standby, it closes the connection: in the pool it would fail later calls, even
// after the failover. Then it calls do again, until it has tried all connections that were
// in the pool before.
func Writable(ctx context.Context, db *sql.DB, do func(context.Context, *sql.Conn) error) error {
	for left := -1; ; left-- {
		err := onConn(ctx, db, do)
		// In both cases nothing was done, so do may be called again.
		if left == 0 || SQLState(err) != ReadOnly && !errors.Is(err, driver.ErrBadConn) {
			return err
		}
		if left < 0 {
			left = db.Stats().Idle + 1
		}
	}
}

func onConn(ctx context.Context, db *sql.DB, do func(context.Context, *sql.Conn) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // returns it to the pool, unless it is bad
	err = do(ctx, conn)
	if SQLState(err) == ReadOnly || errors.Is(err, ErrOpen) {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	return err
}

// SQLState returns the SQLSTATE of a server's error, or an empty string.
func SQLState(err error) string {
	server, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	if !ok || len(server.SQLState()) != 5 {
		return ""
	}
	return server.SQLState()
}
