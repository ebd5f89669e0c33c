package firestorejobs_test

import (
	"context"
	"log"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	_ "github.com/fhirdock/fhirdock/jobs/docjobs/drivers/firestorejobs"
)

// A collection with the indexes in README.md.
func Example() {
	ctx := context.Background()
	store, err := jobs.Open(ctx, "firestore://projects/my-project/databases/(default)/documents/jobs", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	_ = ingest.Backends{Jobs: store} // and Store, Publisher, Subscription
}
