package sqljobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ErrPooler: a connection pooler before PostgreSQL does not keep the prepared
// statements of a connection.
var ErrPooler = errors.New("sqljobs: the connection pooler does not carry prepared statements: " +
	"set default_query_exec_mode=exec in the database's URL (pgx), or max_prepared_statements in PgBouncer 1.21 or later")

// explain wraps ErrPooler around what such a pooler makes of a prepared statement: it is
// in another session, or another client has prepared it in this one.
func explain(err error) error {
	switch sqlState(err) {
	case noSuchStatement, statementIsThere:
		return fmt.Errorf("%w: %w", ErrPooler, err)
	}
	return err
}

// checkPooler returns ErrPooler if two connections that run the same statement in turn
// meet in a session. It finds a pooler that is not busy, so that a wrong setting is known
// at the start, rather than now and then later.
func checkPooler(ctx context.Context, db *sql.DB, timeout time.Duration) error {
	if db.Stats().MaxOpenConnections == 1 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var conns [2]*sql.Conn
	for i := range conns {
		var err error
		if conns[i], err = db.Conn(ctx); err != nil {
			return nil // the pool is busy
		}
		defer conns[i].Close()
	}
	for _, conn := range []*sql.Conn{conns[0], conns[1], conns[0]} {
		var got string
		err := explain(conn.QueryRowContext(ctx, "SELECT $1::text", "").Scan(&got))
		if errors.Is(err, ErrPooler) {
			return err
		}
	}
	return nil
}
