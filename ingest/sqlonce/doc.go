// Package sqlonce makes the effects of a handler in a SQL database exactly-once: it
// claims the batch's key in the transaction that makes them.
//
//	func handle(ctx context.Context, b *ingest.Batch) error {
//		return keys.Each(ctx, b, func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
//			_, err := tx.ExecContext(ctx, "INSERT INTO …", r.ID, r.Raw)
//			return err
//		})
//	}
//
// Effects and key are committed together or not at all, so a worker may die at any time: a
// batch without a key is handled again, a batch with a key is done. If two workers have
// the same batch at the same time, the second waits for the first to commit or roll back.
// If the outcome of a commit is unknown, return the error, and the batch is handed over
// again.
//
// [Keys.Each] takes one resource at a time and rejects those that the database refuses,
// because they violate a constraint for example, without failing the others. It stores the
// rejections with the key, so that a redelivered batch has the same resources rejected.
//
// [Keys.Claim] is for handlers that make the effects of a whole batch at once, in a
// transaction of their own:
//
//	tx, err := db.BeginTx(ctx, nil)
//	…
//	first, err := keys.Claim(ctx, tx, b.Key)
//	if err != nil || !first {
//		return err // nil: the effects were made before
//	}
//	… // write through tx
//	return tx.Commit()
//
// Such a handler must reject the same resources whenever the batch is handed over, even if
// its effects were made before: call ingest's Batch.Reject before Claim. If Batch.Aborted
// then reports true, a transaction was rejected: return nil before Claim.
//
// Keys belong to one handler. If two handlers write the effects of the same batches to one
// database, give each its own [Options.Prefix].
//
// # Databases
//
// SQLite, PostgreSQL, MySQL and MariaDB. The package imports no driver; it recognizes a
// refused resource by methods and fields of the errors of pgx, lib/pq,
// modernc.org/sqlite and go-sql-driver/mysql, see [Keys.Each]. It keeps its own table,
// fhirdock_once, with about 100 bytes for each batch, and more if resources were
// rejected; see [Keys.PruneFinished]. On MySQL and MariaDB all tables that a transaction
// writes to must use InnoDB, and no statement that commits implicitly may be run in it.
package sqlonce
