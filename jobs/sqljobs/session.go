package sqljobs

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// reader is a database, a connection or a transaction.
type reader interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// querier is a database or a connection.
type querier interface {
	reader
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// session calls do with a session of a database.
type session func(ctx context.Context, do func(context.Context, querier) error) error

// sessions returns a function that, on PostgreSQL, calls do with one connection and with a
// context that ends after the timeout, if it is not zero.
func sessions(db *sql.DB, dialect Dialect, timeout time.Duration) session {
	if dialect != PostgreSQL {
		return func(ctx context.Context, do func(context.Context, querier) error) error { return do(ctx, db) }
	}
	return func(ctx context.Context, do func(context.Context, querier) error) error {
		if timeout == 0 {
			return explain(writable(ctx, db, do))
		}
		within, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		err := writable(within, db, do)
		if err != nil && ctx.Err() == nil && within.Err() != nil {
			return fmt.Errorf("no answer within %s: %w", timeout, err)
		}
		return explain(err)
	}
}

// writable calls do with a connection. If its session is read-only, because the server is,
// or was, a standby, it closes the connection: in the pool it would fail later calls, even
// after the failover. Then it calls do again, until it has tried all connections that were
// in the pool before.
func writable(ctx context.Context, db *sql.DB, do func(context.Context, querier) error) error {
	for left := -1; ; left-- {
		err := onConn(ctx, db, do)
		// In both cases nothing was done, so do may be called again.
		if left == 0 || sqlState(err) != readOnly && !errors.Is(err, driver.ErrBadConn) {
			return err
		}
		if left < 0 {
			left = db.Stats().Idle + 1
		}
	}
}

// errOpen: a transaction may still be open on the connection, so it must be closed.
var errOpen = errors.New("a transaction could not be rolled back")

func onConn(ctx context.Context, db *sql.DB, do func(context.Context, querier) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // returns it to the pool, unless it is bad
	err = do(ctx, conn)
	if sqlState(err) == readOnly || errors.Is(err, errOpen) {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	return err
}

// selecter is a connection or a transaction.
type selecter interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// read runs a query and returns the result of scan for each row.
func read[T any](ctx context.Context, s session, scan func(*sql.Rows) (T, error), query string, args ...any) (all []T, err error) {
	err = s(ctx, func(ctx context.Context, q querier) (err error) {
		all, err = scanned(ctx, q, scan, query, args...)
		return err
	})
	return all, err
}

// scanned is read on a connection or in a transaction.
func scanned[T any](ctx context.Context, q selecter, scan func(*sql.Rows) (T, error), query string, args ...any) (all []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err() // a serialization failure, for example, comes after the last row
}

// SQLSTATEs. https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	readOnly           = "25006"
	noSuchStatement    = "26000"
	duplicateStatement = "42P05"
	notSerializable    = "40001"
	classData          = "22"
	classConstraint    = "23"
	classProgramLimit  = "54"
)

// sqlState returns the SQLSTATE of a server's error, or an empty string.
func sqlState(err error) string {
	server, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	if !ok || len(server.SQLState()) != 5 {
		return ""
	}
	return server.SQLState()
}
