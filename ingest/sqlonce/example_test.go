package sqlonce_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	_ "modernc.org/sqlite"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/sqlonce"
	"github.com/fhirdock/fhirdock/jobs"
)

// A handler that stores patients exactly once, however often a batch is handed over. A
// patient that violates a constraint is rejected; the others are stored.
func ExampleKeys_Each() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", ":memory:") // in production a file, with _txlock=immediate, or PostgreSQL
	if err != nil {
		panic(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection would have its own memory database
	if _, err := db.ExecContext(ctx, "CREATE TABLE patients (id TEXT PRIMARY KEY, gender TEXT CHECK (gender IN ('female', 'male', 'other', 'unknown')))"); err != nil {
		panic(err)
	}
	keys, err := sqlonce.Open(ctx, db, nil)
	if err != nil {
		panic(err)
	}

	handler := ingest.HandlerFunc(func(ctx context.Context, b *ingest.Batch) error {
		for i, r := range b.Resources {
			if r.Type != "Patient" { // Each skips it
				b.Reject(i, "not-supported", "Only patients are kept here")
			}
		}
		return keys.Each(ctx, b, func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
			var patient struct{ Gender string }
			if err := json.Unmarshal(r.Raw, &patient); err != nil {
				return &sqlonce.Rejection{Code: "structure", Message: "gender must be a string"}
			}
			_, err := tx.ExecContext(ctx, "INSERT INTO patients VALUES (?, ?)", r.ID, patient.Gender)
			return err
		})
	})

	// A worker hands a batch over, dies before it can record that, and another worker hands
	// it over again.
	for range 2 {
		b := &ingest.Batch{Job: &jobs.Job{}, Key: "job-1.0/0-120", Resources: []ingest.Resource{
			{Type: "Patient", ID: "p1", Raw: []byte(`{"resourceType":"Patient","id":"p1","gender":"female"}`)},
			{Type: "Patient", ID: "p2", Raw: []byte(`{"resourceType":"Patient","id":"p2","gender":"F"}`)},
			{Type: "Observation", ID: "o1"},
		}}
		if err := handler.Handle(ctx, b); err != nil {
			panic(err)
		}
		for i, r := range b.Resources {
			fmt.Println(r.ID, "rejected:", b.IsRejected(i))
		}
	}
	var n int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM patients").Scan(&n); err != nil {
		panic(err)
	}
	fmt.Println(n, "patient")
	// Output:
	// p1 rejected: false
	// p2 rejected: true
	// o1 rejected: true
	// p1 rejected: false
	// p2 rejected: true
	// o1 rejected: true
	// 1 patient
}

// A handler that makes the effects of a whole batch in its own transaction.
func ExampleKeys_Claim() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		panic(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "CREATE TABLE counts (resources INTEGER)"); err != nil {
		panic(err)
	}
	keys, err := sqlonce.Open(ctx, db, nil)
	if err != nil {
		panic(err)
	}
	handler := ingest.HandlerFunc(func(ctx context.Context, b *ingest.Batch) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err // the batch is handed over again
		}
		defer tx.Rollback() // does nothing after the commit
		first, err := keys.Claim(ctx, tx, b.Key)
		if err != nil || !first {
			return err // nil: the effects were made before
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO counts VALUES (?)", len(b.Resources)); err != nil {
			return err
		}
		return tx.Commit()
	})
	for range 2 {
		if err := handler.Handle(ctx, &ingest.Batch{Key: "job-1.0/0-120", Resources: make([]ingest.Resource, 7)}); err != nil {
			panic(err)
		}
	}
	var n int
	if err := db.QueryRowContext(ctx, "SELECT sum(resources) FROM counts").Scan(&n); err != nil {
		panic(err)
	}
	fmt.Println(n, "resources")
	// Output: 7 resources
}

// Remove keys of batches that can't be handed over again.
func ExampleKeys_PruneFinished() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		panic(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	keys, err := sqlonce.Open(ctx, db, nil)
	if err != nil {
		panic(err)
	}
	store := jobs.NewMemStore() // the one that the workers use

	// For example once a day.
	n, err := keys.PruneFinished(ctx, store, time.Now().AddDate(0, 0, -7))
	fmt.Println(n, err)
	// Output: 0 <nil>
}
