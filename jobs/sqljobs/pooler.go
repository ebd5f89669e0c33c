package sqljobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/internal/sqlsession"
)

// ErrPooler: a connection pooler in front of PostgreSQL does not support prepared
// statements.
var ErrPooler = errors.New("sqljobs: the connection pooler does not support prepared statements: " +
	"set default_query_exec_mode=exec in the database's URL (pgx), or max_prepared_statements in PgBouncer 1.21 or later")

// explain adds ErrPooler to the errors that such a pooler causes: the statement was
// prepared in another session, or another client has prepared it in this one.
func explain(err error) error {
	switch sqlsession.SQLState(err) {
	case noSuchStatement, duplicateStatement:
		return fmt.Errorf("%w: %w", ErrPooler, err)
	}
	return err
}

// checkPooler returns ErrPooler if two connections that run the same statement alternately
// share a session. That finds the problem at the start if the pooler is not busy, and not
// only sporadically later.
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
