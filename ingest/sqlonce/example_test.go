package sqlonce_test

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	_ "modernc.org/sqlite"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/sqlonce"
	"github.com/fhirdock/fhirdock/jobs"
)

// A handler that keeps patients in a table, each once, however often a batch comes.
func Example() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", ":memory:") // in earnest a file, with _txlock=immediate, or PostgreSQL
	if err != nil {
		panic(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection would have a memory of its own
	if _, err := db.ExecContext(ctx, "CREATE TABLE patients (id TEXT, resource TEXT)"); err != nil {
		panic(err)
	}
	keys, err := sqlonce.Open(ctx, db, nil)
	if err != nil {
		panic(err)
	}

	handler := ingest.HandlerFunc(func(ctx context.Context, b *ingest.Batch) error {
		// Refused each time that the batch comes, whether it is the first or not.
		for i, r := range b.Resources {
			if r.Type != "Patient" {
				b.Reject(i, "not-supported", "Only patients are kept here")
			}
		}
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err // the batch comes again
		}
		defer tx.Rollback() // of no effect behind the commit
		first, err := keys.Claim(ctx, tx, b.Key)
		if err != nil || !first {
			return err // nil: its effects are there already
		}
		for _, r := range b.Resources {
			if r.Type != "Patient" {
				continue
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO patients VALUES (?, ?)", r.ID, string(r.Raw)); err != nil {
				return err
			}
		}
		return tx.Commit()
	})

	// A worker hands a batch over, dies before it can record that, and hands it over
	// once more.
	for range 2 {
		b := &ingest.Batch{Job: &jobs.Job{}, Key: "job-1.0/0-120", Resources: []ingest.Resource{
			{Type: "Patient", ID: "p1", Raw: []byte(`{"resourceType":"Patient","id":"p1"}`)},
			{Type: "Observation", ID: "o1"},
		}}
		if err := handler.Handle(ctx, b); err != nil {
			panic(err)
		}
	}
	var n int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM patients").Scan(&n); err != nil {
		panic(err)
	}
	fmt.Println(n, "patient")

	// Once a day, say; jobs that failed longer ago are not redriven any more.
	pruned, err := keys.Prune(ctx, time.Now().AddDate(0, 0, -90))
	fmt.Println(pruned, err)
	// Output:
	// 1 patient
	// 0 <nil>
}
