// Package sqlonce lets a handler that writes to a SQL database make the effects of
// each batch exactly once: it claims the batch's key in the transaction that makes
// them.
//
//	tx, err := db.BeginTx(ctx, nil)
//	…
//	first, err := keys.Claim(ctx, tx, b.Key)
//	if err != nil || !first {
//		return err // the effects are there already
//	}
//	… // write through tx
//	return tx.Commit()
//
// Effects and key are committed together or not at all, so it does not matter
// where a worker dies: before the commit neither is there and the batch is handled
// anew, behind it the key says that it was. Of two workers that have the same batch
// at once, the second waits in Claim for the first to commit or to roll back, and
// then is told which it was. An error of the commit whose outcome is not known needs
// no care: return it, and the batch comes again.
//
// What is refused must be refused each time the batch comes, also where its effects
// are there already: call ingest's Batch.Reject before Claim. A refusal that depends
// on what the transaction saw belongs into a table beside the effects, and is read
// from there when Claim says that the batch is not the first.
//
// The keys are those of one handler. Two handlers that write the effects of the same
// batches to one database put a prefix of their own before the key.
//
// The package knows SQLite and PostgreSQL and imports no driver. It keeps a table of
// its own, fhirdock_once, with some 100 bytes for each batch; see [Keys.Prune].
package sqlonce
