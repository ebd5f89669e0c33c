package sqlonce

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Options of Keys; nil, and zero fields, mean the defaults.
type Options struct {
	// Dialect of the database. Default: by the type of its driver.
	Dialect Dialect
	// SkipSchema makes Open fail where the table is not there. Default: Open makes
	// it.
	SkipSchema bool
}

// Keys are the keys of the batches whose effects are in a database. It is safe for
// concurrent use, by several processes.
type Keys struct {
	db           *sql.DB
	claim, prune string
}

// maxKey is the longest key in bytes: ingest's have at most 128.
const maxKey = 255

// ErrKey: the key is empty or longer than 255 bytes.
var ErrKey = errors.New("sqlonce: a key must have 1 to 255 bytes")

// Open returns the keys in an open database, which stays the caller's to close, and
// makes their table if it is not there.
func Open(ctx context.Context, db *sql.DB, opts *Options) (*Keys, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Dialect == "" {
		var err error
		if o.Dialect, err = detect(db); err != nil {
			return nil, err
		}
	}
	k := &Keys{db: db}
	switch o.Dialect {
	case SQLite:
		k.claim, k.prune = ClaimSQLite, pruneSQLite
	case PostgreSQL:
		k.claim, k.prune = ClaimPostgreSQL, prunePostgreSQL
	default:
		return nil, fmt.Errorf("sqlonce: Options.Dialect must be %q or %q", SQLite, PostgreSQL)
	}
	if !o.SkipSchema {
		return k, Migrate(ctx, db, o.Dialect)
	}
	var n int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM fhirdock_once WHERE batch_key = ''").Scan(&n); err != nil {
		return nil, fmt.Errorf("sqlonce: the table is not there or can't be read: %w", err)
	}
	return k, nil
}

// Claim claims a key for a transaction. It returns true if the transaction is the
// first: its effects count if it commits, and nobody else's of this key. It returns
// false if a transaction that claimed the key has committed: the effects are there,
// and nothing is to be done. While another one that claimed it is open, Claim waits;
// if that rolls back, this one is the first.
//
// An error leaves the transaction to be rolled back and the batch to be handled
// again: ErrKey; on PostgreSQL under REPEATABLE READ and above a serialization
// failure, where another transaction committed the key behind this one's snapshot;
// on SQLite that the database is busy for longer than its time-out. There
// transactions should begin with the write lock (_txlock=immediate), or they are
// refused where two of them come to write.
func (k *Keys) Claim(ctx context.Context, tx *sql.Tx, key string) (first bool, err error) {
	if key == "" || len(key) > maxKey {
		return false, ErrKey
	}
	result, err := tx.ExecContext(ctx, k.claim, key, time.Now().UnixMicro())
	if err != nil {
		return false, fmt.Errorf("sqlonce: claim: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("sqlonce: claim: %w", err)
	}
	return n == 1, nil
}

// prunePage is how many keys are removed in one transaction, so that those who claim
// meanwhile do not wait for long.
const prunePage = 1000

// Prune removes the keys that were claimed before a time, and returns how many. A key
// is needed for as long as its batch may come again: until its job is finished, and
// where the job failed for as long as it may be redriven. Without the key the batch's
// effects would be made a second time, so keep them some days longer than the oldest
// job that anybody would redrive. What was removed before an error stays removed.
func (k *Keys) Prune(ctx context.Context, before time.Time) (int64, error) {
	var total int64
	for {
		result, err := k.db.ExecContext(ctx, k.prune, before.UnixMicro(), prunePage)
		if err != nil {
			return total, fmt.Errorf("sqlonce: prune: %w", err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return total, fmt.Errorf("sqlonce: prune: %w", err)
		}
		if total += n; n < prunePage {
			return total, nil
		}
	}
}
