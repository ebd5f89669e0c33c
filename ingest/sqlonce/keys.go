package sqlonce

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/fhirdock/fhirdock/internal/sqldialect"
)

// Options of Keys; nil, and zero fields, mean the defaults.
type Options struct {
	// SkipSchema makes Open fail if the table is missing. Default: Open creates it.
	SkipSchema bool
	// Prefix is prepended to each key. If several handlers write the effects of the same
	// batches to one database, each needs its own. At most 100 bytes of visible ASCII.
	// Default: none.
	Prefix string
	// Refused reports whether an error of the database is caused by the resource, for
	// errors that [Keys.Each] does not recognize, such as those raised by your triggers or
	// of a driver without SQLSTATE. It must return false for errors that may not recur.
	// Default: none.
	Refused func(error) bool
}

// Keys has the keys of the batches whose effects are in a database. It is safe for
// concurrent use, by several processes too.
type Keys struct {
	db         *sql.DB
	dialect    sqldialect.Dialect
	statements statements
	prefix     string
	refused    func(error) bool
}

// maxKey is the longest key in bytes. Keys of package ingest have at most 128.
const maxKey = 255

// ErrKey: the key is empty or, with the prefix, longer than 255 bytes.
var ErrKey = errors.New("sqlonce: a key must have 1 to 255 bytes")

var validPrefix = regexp.MustCompile(`^[!-~]{0,100}$`)

var errNoDatabase = errors.New("sqlonce: keys need a database")

// Open returns the keys in an open database, which the caller closes. It creates their
// table if it is missing.
func Open(ctx context.Context, db *sql.DB, opts *Options) (*Keys, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if db == nil {
		return nil, errNoDatabase
	}
	if !validPrefix.MatchString(o.Prefix) {
		return nil, errors.New("sqlonce: Options.Prefix must have at most 100 bytes of visible ASCII")
	}
	dialect, err := sqldialect.Of(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("sqlonce: %w", err)
	}
	k := &Keys{db: db, dialect: dialect, statements: statementsIn(dialect), prefix: o.Prefix, refused: o.Refused}
	if !o.SkipSchema {
		return k, Migrate(ctx, db)
	}
	var n int
	if err := db.QueryRowContext(ctx, "SELECT count(rejected) FROM fhirdock_once WHERE batch_key = ''").Scan(&n); err != nil {
		return nil, fmt.Errorf("sqlonce: the table is missing or outdated: %w", err)
	}
	return k, nil
}

// Claim claims a key for a transaction. It returns true if the transaction is the first:
// make the effects and commit. It returns false if a transaction that claimed the key has
// committed: the effects were made, and there is nothing to do. While another transaction
// that claimed the key is open, Claim waits; if that one rolls back, this one is the first.
//
// After an error, roll the transaction back and return the error, so that the batch is
// handed over again. Errors are ErrKey; on PostgreSQL under REPEATABLE READ or SERIALIZABLE
// a serialization failure, if another transaction committed the key after this one's
// snapshot; on SQLite a busy timeout; on MySQL and MariaDB a deadlock or lock wait timeout.
// On SQLite, use immediate transactions (_txlock=immediate): otherwise one of two
// concurrent transactions fails when it starts to write.
//
// On MySQL and MariaDB the transaction must not run a statement that commits implicitly,
// such as CREATE or ALTER: it would commit the key without the effects that follow.
func (k *Keys) Claim(ctx context.Context, tx *sql.Tx, key string) (first bool, err error) {
	if key == "" || len(k.prefix+key) > maxKey {
		return false, ErrKey
	}
	result, err := tx.ExecContext(ctx, k.statements.claim, k.prefix+key, time.Now().UnixMicro())
	if err != nil {
		return false, fmt.Errorf("sqlonce: claim: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("sqlonce: claim: %w", err)
	}
	return n == 1, nil
}
