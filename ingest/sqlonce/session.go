package sqlonce

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// transaction begins a transaction on its own connection, which end returns to the pool.
// Pass end the error that ended the transaction. If the session is read-only, as after a
// failover, end closes the connection, which would fail later batches too.
func (k *Keys) transaction(ctx context.Context) (tx *sql.Tx, end func(error), err error) {
	for range 3 { // like database/sql, in case a connection of the pool is broken
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

// isReadOnly reports whether PostgreSQL refused a write because the session is read-only.
func isReadOnly(err error) bool {
	e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	return ok && e.SQLState() == "25006"
}
