package sqlonce_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/sqlonce"
	"github.com/fhirdock/fhirdock/jobs"
)

// secret is in each refused resource. It must not appear anywhere.
const secret = "Mustermann"

// mark returns the nth parameter of a statement.
func (db *database) mark(n int) string {
	if db.driver == "pgx" {
		return fmt.Sprintf("$%d", n)
	}
	return "?"
}

// patients creates a table with a constraint on the length of the name.
func (db *database) patients(t testing.TB) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), "CREATE TABLE patients (id VARCHAR(20) NOT NULL PRIMARY KEY, name VARCHAR(200) NOT NULL, CHECK (name <> '"+secret+"'))")
	require.NoError(t, err)
}

// insert is an Apply that inserts a resource's id and, as the name, its Raw.
func (db *database) insert(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO patients VALUES ("+db.mark(1)+", "+db.mark(2)+")", r.ID, string(r.Raw))
	return err
}

func (db *database) ids(t *testing.T) (ids []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT id FROM patients")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var id string
		require.NoError(t, rows.Scan(&id))
		ids = append(ids, id)
	}
	require.NoError(t, rows.Err())
	return ids
}

func (db *database) keysLeft(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM fhirdock_once").Scan(&n))
	return n
}

// batch returns a batch of n resources; those at the indices bad are refused.
func batch(n int, bad ...int) *ingest.Batch {
	b := &ingest.Batch{Job: &jobs.Job{Payload: jobs.Payload{Format: "ndjson"}}, Key: "job.0/0-1000"}
	for i := range n {
		raw := "a name"
		if slices.Contains(bad, i) {
			raw = secret
		}
		b.Resources = append(b.Resources, ingest.Resource{Index: int64(i), Line: int64(i + 1), Type: "Patient", ID: fmt.Sprintf("p%d", i), Raw: []byte(raw)})
	}
	return b
}

// rejectedOf returns the indices of the rejected resources.
func rejectedOf(b *ingest.Batch) (all []int) {
	for i := range b.Resources {
		if b.IsRejected(i) {
			all = append(all, i)
		}
	}
	return all
}

func TestOneOf5000IsRefused(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		db.patients(t)
		for delivery := range 3 {
			if delivery == 2 { // stays rejected although the database would accept it now
				_, err := db.ExecContext(t.Context(), "DELETE FROM patients WHERE id = 'p1'")
				require.NoError(t, err)
			}
			b := batch(5000, 3210)
			require.NoError(t, db.keys.Each(t.Context(), b, db.insert))
			require.Equal(t, []int{3210}, rejectedOf(b), "delivery %d", delivery)
			want := 4999
			if delivery == 2 {
				want--
			}
			require.Len(t, db.ids(t), want)
		}
	})
}

// Each rejects the same resources as a savepoint for each resource would.
func TestEachMatchesSavepoints(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		db.patients(t)
		rng := rand.New(rand.NewPCG(1, 2))
		random := func(n, of int) (bad []int) {
			for range n {
				bad = append(bad, rng.IntN(of))
			}
			return bad
		}
		all := make([]int, 300)
		for i := range all {
			all[i] = i
		}
		for name, bad := range map[string][]int{
			"none": nil, "the first": {0}, "the last": {299}, "first and last": {0, 299}, "all": all,
			"at the ends of runs": {127, 128, 129, 255, 256}, "two together": {50, 51},
			"a few": random(5, 300), "many": random(150, 300), "most": random(1000, 300),
		} {
			for _, twice := range []bool{false, true} {
				b := batch(300, bad...)
				b.Key = fmt.Sprintf("%s %v", name, twice)
				var want []string
				var rejected []int
				for i := range b.Resources {
					if twice && i%7 == 3 { // same id as the one before
						b.Resources[i].ID = b.Resources[i-1].ID
					}
					if string(b.Resources[i].Raw) == secret || slices.Contains(want, b.Resources[i].ID) {
						rejected = append(rejected, i)
						continue
					}
					want = append(want, b.Resources[i].ID)
				}
				_, err := db.ExecContext(t.Context(), "DELETE FROM patients")
				require.NoError(t, err)
				require.NoError(t, db.keys.Each(t.Context(), b, db.insert), b.Key)
				require.Equal(t, rejected, rejectedOf(b), b.Key)
				require.ElementsMatch(t, want, db.ids(t), b.Key)
				again := batch(300)
				again.Key = b.Key
				require.NoError(t, db.keys.Each(t.Context(), again, db.insert))
				require.Equal(t, rejected, rejectedOf(again), b.Key)
			}
		}
	})
}

// For each refused resource others are applied again at most once, so a batch that is
// refused entirely takes no longer than one that is accepted.
func TestEachBoundsRetries(t *testing.T) {
	db := open(t, "sqlite", sqliteDSN(t))
	db.patients(t)
	for most, bad := range map[int]func(int) bool{
		5000:            func(int) bool { return false },
		5000 + 1:        func(i int) bool { return true },
		5000 + 128 + 1:  func(i int) bool { return i == 4991 },
		5000 + 5000 + 1: func(i int) bool { return i%3 == 0 },
	} {
		b := batch(5000)
		for i := range b.Resources {
			if bad(i) {
				b.Resources[i].Raw = []byte(secret)
			}
		}
		b.Key = fmt.Sprint(most)
		_, err := db.ExecContext(t.Context(), "DELETE FROM patients")
		require.NoError(t, err)
		calls := 0
		require.NoError(t, db.keys.Each(t.Context(), b, func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
			calls++
			return db.insert(ctx, tx, r)
		}))
		require.LessOrEqual(t, calls, most)
	}
}

// After an error not caused by a resource nothing is stored, and errors.As finds the
// driver's error.
func TestOtherErrorsFailTheBatch(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		db.patients(t)
		away := errors.New("away")
		for name, apply := range map[string]sqlonce.Apply{
			"the handler's": func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
				if r.Index == 200 {
					return away
				}
				return db.insert(ctx, tx, r)
			},
			"a statement's": func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
				if r.Index == 200 {
					_, err := tx.ExecContext(ctx, "INSERT INTO nowhere VALUES (1)")
					return fmt.Errorf("insert: %w", err)
				}
				return db.insert(ctx, tx, r)
			},
			"a Failure": func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
				return &ingest.Failure{Code: "mine", Message: "Mine", Permanent: true}
			},
			"a rejection without a message": func(context.Context, *sql.Tx, *ingest.Resource) error {
				return &sqlonce.Rejection{Code: "mine"}
			},
		} {
			b := batch(300, 100)
			err := db.keys.Each(t.Context(), b, apply)
			require.Error(t, err, name)
			require.Empty(t, rejectedOf(b), name)
			require.Empty(t, db.ids(t), name)
			require.Zero(t, db.keysLeft(t), name)
			switch name {
			case "the handler's":
				require.ErrorIs(t, err, away)
			case "a Failure":
				f, ok := errors.AsType[*ingest.Failure](err)
				require.True(t, ok && f.Permanent && f.Code == "mine")
			case "a statement's":
				require.True(t, isDrivers(err), "%v", err)
			}
		}
		require.ErrorContains(t, db.keys.Each(t.Context(), batch(1), nil), "needs a function")
		b := batch(1)
		b.Key = ""
		require.ErrorIs(t, db.keys.Each(t.Context(), b, db.insert), sqlonce.ErrKey)
	})
}

// If several workers have the same batch, its effects are made once and each worker rejects
// the same resource.
func TestConcurrentWorkers(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		db.patients(t)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					b := batch(500, 321)
					err := db.keys.Each(context.Background(), b, db.insert)
					if err != nil { // handed over again
						t.Log(err)
						continue
					}
					if got := rejectedOf(b); !slices.Equal(got, []int{321}) {
						t.Errorf("rejected %v", got)
					}
					return
				}
			})
		}
		wg.Wait()
		require.Len(t, db.ids(t), 499)
	})
}

func TestTransactionIsAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		db.patients(t)
		transaction := func(bad ...int) *ingest.Batch {
			b := batch(10, bad...)
			b.Job.Payload.Format, b.Job.Payload.BundleType, b.Whole, b.Transaction = "bundle", "transaction", true, true
			return b
		}
		for range 2 {
			b := transaction(3, 7)
			require.NoError(t, db.keys.Each(t.Context(), b, db.insert))
			require.Subset(t, rejectedOf(b), []int{3, 7}, "all refused entries are reported")
			require.Empty(t, db.ids(t))
			require.Zero(t, db.keysLeft(t))
		}
		b := transaction()
		b.Reject(2, "not-supported", "Not kept here")
		require.NoError(t, db.keys.Each(t.Context(), b, db.insert))
		require.Empty(t, db.ids(t))
		require.NoError(t, db.keys.Each(t.Context(), transaction(), db.insert), "a redrive after the cause was fixed")
		require.Len(t, db.ids(t), 10)
	})
}

func TestRejectedBeforeAndByTheHandler(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		db.patients(t)
		for range 2 {
			b := batch(10, 5)
			b.Reject(1, "not-supported", "Not kept here")
			require.NoError(t, db.keys.Each(t.Context(), b, func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
				if err := db.insert(ctx, tx, r); err != nil {
					return err
				}
				if r.Index == 7 {
					return fmt.Errorf("odd: %w", &sqlonce.Rejection{Code: "odd", Message: "Odd"})
				}
				return nil
			}))
			require.Equal(t, []int{1, 5, 7}, rejectedOf(b))
			require.ElementsMatch(t, []string{"p0", "p2", "p3", "p4", "p6", "p8", "p9"}, db.ids(t), "effects made before the Rejection are rolled back")
		}
	})
}

// A batch whose key was claimed with Claim is done and has no stored rejections.
func TestEachAfterClaim(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		db.patients(t)
		b := batch(3)
		_, err := db.handle(t.Context(), b.Key, nil)
		require.NoError(t, err)
		require.NoError(t, db.keys.Each(t.Context(), b, db.insert))
		require.Empty(t, rejectedOf(b))
		require.Empty(t, db.ids(t))
	})
}

// On MySQL a CREATE commits the effects so far, and the key. The redelivered batch must not
// be taken for done.
func TestImplicitCommit(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		if db.driver != "mysql" {
			t.Skip("only MySQL commits on DDL")
		}
		db.patients(t)
		apply := func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
			if r.Index == 5 {
				if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS another (a INT)"); err != nil {
					return err
				}
			}
			return db.insert(ctx, tx, r)
		}
		require.ErrorContains(t, db.keys.Each(t.Context(), batch(10), apply), "release savepoint")
		err := db.keys.Each(t.Context(), batch(10), db.insert)
		require.ErrorIs(t, err, sqlonce.ErrIncomplete)
		f, ok := errors.AsType[*ingest.Failure](err)
		require.True(t, ok && f.Permanent)
	})
}

// Damaged rejections are an error that does not quote them.
func TestDamagedRejections(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		db.patients(t)
		require.NoError(t, db.keys.Each(t.Context(), batch(3), db.insert))
		for _, damaged := range []string{"x", `[{"code":"` + secret + `","at":[9]}]`, `[{"at":[-1]}]`} {
			_, err := db.ExecContext(t.Context(), "UPDATE fhirdock_once SET rejected = "+db.mark(1), damaged)
			require.NoError(t, err)
			err = db.keys.Each(t.Context(), batch(3), db.insert)
			require.ErrorContains(t, err, "stored rejections are damaged")
			require.NotContains(t, err.Error(), secret)
		}
	})
}
