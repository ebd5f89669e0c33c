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
// transaction or in a later one, so anything it records outside of tx may be counted
// twice.
type Apply func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error

// Rejection is an error of [Apply] that rejects its resource, with the Code and Message
// for [ingest.Batch.Reject]. Neither may contain anything of the payload.
type Rejection struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (r *Rejection) Error() string { return "sqlonce: rejected: " + r.Message }

// ErrIncomplete: the key was committed before the effects of its batch were complete,
// because an Apply ran a statement that commits implicitly, such as CREATE or ALTER on
// MySQL and MariaDB. The job fails permanently, because it is unknown which effects were
// made.
var ErrIncomplete = errors.New("sqlonce: the transaction was committed too early")

// Each makes the effects of a batch exactly once, resource by resource, in one
// transaction. It rejects resources that the database refuses and rolls their effects
// back; the others are kept. Call it last in a handler, and return its error:
//
//	return keys.Each(ctx, b, func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
//		_, err := tx.ExecContext(ctx, …)
//		return err
//	})
//
// A resource counts as refused if apply returns one of these errors:
//
//   - an error with a SQLSTATE of class 22 (data exception) or 23 (integrity constraint
//     violation), from a method SQLState() string as in pgx and lib/pq;
//   - SQLite's constraint, mismatch and too-big errors, from a method Code() int;
//   - errors of MySQL and MariaDB with such a SQLSTATE, and a few similar ones without it,
//     from the fields of go-sql-driver's MySQLError;
//   - an error for which [Options.Refused] returns true;
//   - a [*Rejection].
//
// The resource is rejected with the code "database-value", "database-constraint",
// "database-refused" or the Rejection's. The message has the database's code, never its
// text, which may quote values. After any other error Each rolls everything back and
// returns the error, wrapped; the batch is then handed over again.
//
// Rejections are stored with the key, so that a redelivered batch gets the same ones, even
// if the database would accept the resources by then. Each skips resources that were
// rejected before it is called; the handler must reject those itself every time.
//
// If a resource of a transaction Bundle is rejected, neither effects nor key are stored,
// and Each returns nil: the worker fails the job. A redrive tries all resources again.
//
// A constraint that is checked at the commit (DEFERRABLE INITIALLY DEFERRED) fails the
// whole batch, since the database does not say which resource violates it. If you have
// such constraints, end apply with SET CONSTRAINTS ALL IMMEDIATE.
//
// Each uses one savepoint for several resources, and applies some of them again if one is
// refused; see [Apply] for what that requires.
//
// Each closes a PostgreSQL connection whose session is read-only, for example after a
// failover. For MySQL, set rejectReadOnly=true in the data source name.
func (k *Keys) Each(ctx context.Context, b *ingest.Batch, apply Apply) (err error) {
	if apply == nil {
		return errors.New("sqlonce: Each needs a function")
	}
	if b.Aborted() {
		return nil
	}
	tx, end, err := k.transaction(ctx)
	if err != nil {
		return err
	}
	defer func() { end(err) }()
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

// repeat rejects the resources that were rejected when the effects were made.
func (k *Keys) repeat(ctx context.Context, tx *sql.Tx, b *ingest.Batch) error {
	var text sql.NullString
	if err := tx.QueryRowContext(ctx, k.statements.read, k.prefix+b.Key).Scan(&text); err != nil {
		return fmt.Errorf("sqlonce: read rejections: %w", err)
	}
	if !text.Valid { // claimed with Claim, not Each
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

// each is the state of a call of Keys.Each.
type each struct {
	*Keys
	tx       *sql.Tx
	batch    *ingest.Batch
	apply    Apply
	rejected []rejected
}

// maxRun is how many resources share a savepoint at most. PostgreSQL slows down all
// readers once a transaction has more than 64 savepoints with writes, because its cache of
// subtransactions overflows, and a batch has 5,000 resources by default.
const maxRun = 128

// all applies all resources, in runs that share a savepoint. If one is refused, all applies
// the ones before it again as a shorter run. The refused one is then the first of the next
// run, and only there it is rejected. The result is the same as with a savepoint for each
// resource.
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
			left, size = left[1:], 1 // refused resources are often next to each other
		default:
			size = done
		}
	}
	return nil
}

const savepoint = "fhirdock_once"

// run applies resources under one savepoint. If one of them is refused, it rolls back to
// the savepoint, and returns why and how many came before it.
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
			return n, nil, fmt.Errorf("sqlonce: roll back refused resource %d: %w", r.Index, errors.Join(undo, err))
		}
		done = n
		break
	}
	if why == nil {
		done = len(indices)
	}
	// This fails if the transaction was committed implicitly.
	if _, err := e.tx.ExecContext(ctx, "RELEASE SAVEPOINT "+savepoint); err != nil {
		return done, nil, fmt.Errorf("sqlonce: release savepoint: %w", err)
	}
	return done, why, nil
}
