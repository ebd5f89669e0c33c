package sqlonce_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/internal/mariadbtest"
	"github.com/fhirdock/fhirdock/ingest/internal/postgrestest"
)

// BenchmarkEach inserts a batch of 5,000 resources: without savepoints (Claim), with Each,
// and with a savepoint for each resource.
//
//	go test -run xxx -bench Each ./ingest/sqlonce
func BenchmarkEach(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { benchmarkEach(b, open(b, "sqlite", sqliteDSN(b))) })
	b.Run("PostgreSQL", func(b *testing.B) { benchmarkEach(b, open(b, "pgx", postgrestest.Schema(b))) })
	b.Run("MariaDB", func(b *testing.B) { benchmarkEach(b, open(b, "mysql", mariadbtest.Database(b))) })
}

func benchmarkEach(b *testing.B, db *database) {
	const n = 5000
	db.patients(b)
	claim := func(ctx context.Context, batch *ingest.Batch, one func(context.Context, *sql.Tx, *ingest.Resource) error) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := db.keys.Claim(ctx, tx, batch.Key); err != nil {
			return err
		}
		for i := range batch.Resources {
			if err := one(ctx, tx, &batch.Resources[i]); err != nil {
				return err
			}
		}
		return tx.Commit()
	}
	savepoints := func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
		if _, err := tx.ExecContext(ctx, "SAVEPOINT one"); err != nil {
			return err
		}
		if db.insert(ctx, tx, r) != nil {
			if _, err := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT one"); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "RELEASE SAVEPOINT one")
		return err
	}
	every := func(step int) (bad []int) {
		for i := step / 2; i < n; i += step {
			bad = append(bad, i)
		}
		return bad
	}
	for _, c := range []struct {
		name   string
		bad    []int
		handle func(context.Context, *ingest.Batch) error
	}{
		{"claim", nil, func(ctx context.Context, b *ingest.Batch) error { return claim(ctx, b, db.insert) }},
		{"each", nil, func(ctx context.Context, b *ingest.Batch) error { return db.keys.Each(ctx, b, db.insert) }},
		{"savepoints", nil, func(ctx context.Context, b *ingest.Batch) error { return claim(ctx, b, savepoints) }},
		{"each, 1 refused", []int{3210}, func(ctx context.Context, b *ingest.Batch) error { return db.keys.Each(ctx, b, db.insert) }},
		{"savepoints, 1 refused", []int{3210}, func(ctx context.Context, b *ingest.Batch) error { return claim(ctx, b, savepoints) }},
		{"each, 50 refused", every(100), func(ctx context.Context, b *ingest.Batch) error { return db.keys.Each(ctx, b, db.insert) }},
		{"savepoints, 50 refused", every(100), func(ctx context.Context, b *ingest.Batch) error { return claim(ctx, b, savepoints) }},
		{"each, all refused", every(1), func(ctx context.Context, b *ingest.Batch) error { return db.keys.Each(ctx, b, db.insert) }},
		{"savepoints, all refused", every(1), func(ctx context.Context, b *ingest.Batch) error { return claim(ctx, b, savepoints) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				_, err := db.ExecContext(b.Context(), "DELETE FROM patients")
				require.NoError(b, err)
				batch := batch(n, c.bad...)
				batch.Key = fmt.Sprint(c.name, i, b.N)
				_, err = db.ExecContext(b.Context(), "DELETE FROM fhirdock_once")
				require.NoError(b, err)
				b.StartTimer()
				require.NoError(b, c.handle(b.Context(), batch))
			}
		})
	}
}
