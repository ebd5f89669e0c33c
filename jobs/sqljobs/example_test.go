package sqljobs_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// cycle creates a job, claims it and completes it.
func cycle(ctx context.Context, store jobs.Store) error {
	now := time.Now()
	job := &jobs.Job{
		ID: jobs.NewID(), OrganizationID: "demo", Source: jobs.Webhook, State: jobs.Accepted,
		MaxAttempts: 3, DueAt: now, CreatedAt: now, UpdatedAt: now,
	}
	if err := store.Create(ctx, job); err != nil {
		return err
	}
	claim, err := job.Take(now, "worker-1", time.Minute)
	if err != nil {
		return err
	}
	if err := store.Update(ctx, job); err != nil {
		return err
	}
	if err := job.Complete(now, *claim); err != nil {
		return err
	}
	return store.Update(ctx, job)
}

func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "sqljobs")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := sql.Open("sqlite", sqljobs.SQLiteDSN(filepath.Join(dir, "jobs.db")))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	store, err := sqljobs.Open(ctx, db, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := cycle(ctx, store); err != nil {
		log.Fatal(err)
	}
	page, err := store.List(ctx, jobs.Query{OrganizationID: "demo"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(page.Jobs), page.Jobs[0].State)
	// Output: 1 completed
}
