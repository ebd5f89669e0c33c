package sqlonce

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/fhirdock/fhirdock/ingest"
)

// Apply makes the effects of one resource, through tx and nothing else. It must not
// commit, roll back, or go on after an error of the database: it returns that error,
// wrapped or not. It must not call [ingest.Batch.Reject] either: to reject the
// resource it returns a [*Rejection].
//
// It is called again for a resource whose effects were rolled back, in the same
// transaction or in a later one, so anything that it keeps outside of tx may be
// counted twice.
type Apply func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error

// Rejection is an error of [Apply] that rejects its resource, with what
// [ingest.Batch.Reject] wants: neither Code nor Message may hold anything of the
// payload.
type Rejection struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (r *Rejection) Error() string { return "sqlonce: rejected: " + r.Message }

// ErrIncomplete: the key was committed before the effects of its batch were complete.
// On MySQL and MariaDB, statements such as CREATE and ALTER commit by themselves: an
// Apply ran one. The batch fails for good, since what is there of it can't be told.
var ErrIncomplete = errors.New("sqlonce: the transaction was committed before its end")

// Each makes the effects of a batch exactly once, resource by resource, in one
// transaction. A resource that the database refuses is rejected, and what was done for
// it is undone; the others are kept. Call it last in a handler, and return its error:
//
//	return keys.Each(ctx, b, func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
//		_, err := tx.ExecContext(ctx, …)
//		return err
//	})
//
// Refused is a resource for which apply returns an error that says so:
//
//   - an error with a SQLSTATE of class 22 (data exception) or 23 (integrity constraint
//     violation), by a method SQLState() string, as those of pgx and lib/pq have it;
//   - SQLite's constraint, mismatch and too-big errors, by a method Code() int;
//   - those of MySQL and MariaDB with such a SQLSTATE, and the few of the same kind that
//     have none, by the fields of go-sql-driver's MySQLError;
//   - one that [Options.Refused] takes for such;
//   - a [*Rejection].
//
// Its code is "database-value", "database-constraint", "database-refused" or the
// Rejection's, and its message has the database's code, never its text, which may quote
// values. Any other error rolls everything back and is returned, with errors.As and
// errors.Is as it came; the batch is then handed over again.
//
// Rejections are stored beside the key, and a batch that is handed over again gets the
// same ones, whatever the database would say by then. Resources that were rejected
// before Each is called are passed over; those the handler has to reject each time.
//
// If a resource of a transaction Bundle is rejected, nothing is stored, neither effects
// nor key, and Each returns nil: the worker fails the job. A redrive tries all again.
//
// A constraint that is checked at the commit (DEFERRABLE INITIALLY DEFERRED) refuses
// the whole batch, as it does not say for which resource. If that may happen, end apply
// with SET CONSTRAINTS ALL IMMEDIATE.
//
// Each uses a savepoint for a run of resources, and a new one where a resource was
// refused: see [Apply] for what that asks of it.
func (k *Keys) Each(ctx context.Context, b *ingest.Batch, apply Apply) error {
	if apply == nil {
		return errors.New("sqlonce: Each needs a function")
	}
	if b.Aborted() {
		return nil
	}
	tx, err := k.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("sqlonce: begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after the commit
	first, err := k.Claim(ctx, tx, b.Key)
	if err != nil {
		return err
	}
	if !first {
		return k.repeat(ctx, tx, b)
	}
	if _, err := tx.ExecContext(ctx, k.statements.begin, k.prefix+b.Key); err != nil {
		return fmt.Errorf("sqlonce: claim: %w", err)
	}
	e := &each{Keys: k, tx: tx, batch: b, apply: apply}
	if err := e.all(ctx); err != nil {
		return err
	}
	text, err := encode(e.rejected)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, k.statements.finish, text, k.prefix+b.Key); err != nil {
		return fmt.Errorf("sqlonce: store rejections: %w", err)
	}
	if !b.Transaction || len(e.rejected) == 0 {
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("sqlonce: commit: %w", err)
		}
	}
	reject(b, e.rejected) // not before the commit, which may fail
	return nil
}

// repeat rejects what was rejected when the effects were made.
func (k *Keys) repeat(ctx context.Context, tx *sql.Tx, b *ingest.Batch) error {
	var text sql.NullString
	if err := tx.QueryRowContext(ctx, k.statements.read, k.prefix+b.Key).Scan(&text); err != nil {
		return fmt.Errorf("sqlonce: read rejections: %w", err)
	}
	if !text.Valid { // claimed by Claim
		return nil
	}
	if text.String == "" {
		return &ingest.Failure{Code: "effects-incomplete", Message: "The effects of the payload are incomplete", Permanent: true, Err: ErrIncomplete}
	}
	rejected, err := decode(text.String, len(b.Resources))
	if err != nil {
		return err
	}
	reject(b, rejected)
	return nil
}

// each is one call of Keys.Each.
type each struct {
	*Keys
	tx       *sql.Tx
	batch    *ingest.Batch
	apply    Apply
	rejected []rejected
}

// maxRun is how many resources share a savepoint at most. PostgreSQL slows all readers
// down once a transaction has more than 64 savepoints in which something was written
// (its cache of subtransactions overflows), and a batch has 5,000 resources by default.
const maxRun = 128

// all applies all resources, in runs that share a savepoint. When one is refused, those
// of its run that came before it are applied again, without it, and then it is the
// first of the next run: only there is it rejected. So what is rejected is what a
// savepoint for each resource would reject.
func (e *each) all(ctx context.Context) error {
	var left []int
	for i := range e.batch.Resources {
		if !e.batch.IsRejected(i) {
			left = append(left, i)
		}
	}
	for size := maxRun; len(left) > 0; {
		run := left[:min(size, len(left))]
		done, why, err := e.run(ctx, run)
		switch {
		case err != nil:
			return err
		case why == nil:
			left, size = left[done:], min(2*size, maxRun)
		case done == 0:
			e.rejected = append(e.rejected, rejected{left[0], *why})
			left, size = left[1:], 1 // what is refused seldom comes alone
		default:
			size = done
		}
	}
	return nil
}

const savepoint = "fhirdock_once"

// run applies resources under one savepoint. If one of them is refused, it undoes all
// and returns why, and how many came before it.
func (e *each) run(ctx context.Context, indices []int) (done int, why *Rejection, err error) {
	if _, err := e.tx.ExecContext(ctx, "SAVEPOINT "+savepoint); err != nil {
		return 0, nil, fmt.Errorf("sqlonce: savepoint: %w", err)
	}
	for n, i := range indices {
		r := &e.batch.Resources[i]
		err := e.apply(ctx, e.tx, r)
		if err == nil {
			continue
		}
		why = e.why(err)
		switch {
		case why != nil && (why.Code == "" || why.Message == ""):
			return n, nil, fmt.Errorf("sqlonce: resource %d: a Rejection needs a Code and a Message", r.Index)
		case why == nil:
			return n, nil, fmt.Errorf("sqlonce: resource %d: %w", r.Index, err)
		}
		if _, undo := e.tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT "+savepoint); undo != nil {
			return n, nil, fmt.Errorf("sqlonce: resource %d was refused, and is not undone: %w", r.Index, errors.Join(undo, err))
		}
		done = n
		break
	}
	if why == nil {
		done = len(indices)
	}
	// If the transaction has ended meanwhile, this is where it comes out.
	if _, err := e.tx.ExecContext(ctx, "RELEASE SAVEPOINT "+savepoint); err != nil {
		return done, nil, fmt.Errorf("sqlonce: release savepoint: %w", err)
	}
	return done, why, nil
}
