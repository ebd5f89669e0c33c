package sqlonce

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// transaction begins one on a connection of its own, which end gives back to the pool.
// end gets the error that ended the transaction: where the session could only read, as
// after a failover, it closes the connection, which would fail all batches that come
// after.
func (k *Keys) transaction(ctx context.Context) (tx *sql.Tx, end func(error), err error) {
	for range 3 { // as database/sql does where a connection of the pool turns out broken
		var conn *sql.Conn
		if conn, err = k.db.Conn(ctx); err != nil {
			break
		}
		if tx, err = conn.BeginTx(ctx, nil); err == nil {
			return tx, func(err error) {
				_ = tx.Rollback() // does nothing after the commit
				if isReadOnly(err) {
					_ = conn.Raw(func(any) error { return driver.ErrBadConn })
				}
				_ = conn.Close()
			}, nil
		}
		_ = conn.Close()
		if !errors.Is(err, driver.ErrBadConn) {
			break
		}
	}
	return nil, nil, fmt.Errorf("sqlonce: begin: %w", err)
}

// isReadOnly says whether PostgreSQL refused a write in a session that can only read.
func isReadOnly(err error) bool {
	e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	return ok && e.SQLState() == "25006"
}
