// Package sqlonce lets a handler that writes to a SQL database make the effects of
// each batch exactly once: it claims the batch's key in the transaction that makes
// them.
//
//	func handle(ctx context.Context, b *ingest.Batch) error {
//		return keys.Each(ctx, b, func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
//			_, err := tx.ExecContext(ctx, "INSERT INTO …", r.ID, r.Raw)
//			return err
//		})
//	}
//
// Effects and key are committed together or not at all, so it does not matter when a
// worker dies: before the commit neither is there and the batch is handled again, after
// it the key says that it was. Of two workers that have the same batch at once, the
// second waits for the first to commit or to roll back, and then knows which it was. An
// error of the commit, after which the outcome is not known, needs no care: return it,
// and the batch is handed over again.
//
// [Keys.Each] takes one resource at a time and rejects those that the database refuses,
// such as one that violates a constraint, without failing the others. What it rejected
// is stored with the key, so that a batch that is handed over again has the same
// resources rejected.
//
// [Keys.Claim] is for handlers that make the effects of a whole batch at once, in a
// transaction of their own:
//
//	tx, err := db.BeginTx(ctx, nil)
//	…
//	first, err := keys.Claim(ctx, tx, b.Key)
//	if err != nil || !first {
//		return err // nil: the effects are there already
//	}
//	… // write through tx
//	return tx.Commit()
//
// Such a handler must reject the same resources whenever the batch is handed over, even
// if its effects are there already: call ingest's Batch.Reject before Claim, and return
// nil before Claim if Batch.Aborted says that a transaction is not to be taken.
//
// Keys belong to one handler. Two handlers that write the effects of the same batches to
// one database each need an [Options.Prefix] of their own.
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
