package dynamojobs_test

import (
	"context"
	"log"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	_ "github.com/fhirdock/fhirdock/jobs/docjobs/drivers/dynamojobs"
)

// A table as README.md defines it.
func Example() {
	ctx := context.Background()
	store, err := jobs.Open(ctx, "dynamodb://jobs?region=eu-central-1", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	_ = ingest.Backends{Jobs: store} // and Store, Publisher, Subscription
}
