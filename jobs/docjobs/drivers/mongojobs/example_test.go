package mongojobs_test

import (
	"context"
	"log"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	_ "github.com/fhirdock/fhirdock/jobs/docjobs/drivers/mongojobs"
)

// A collection on the server in MONGO_SERVER_URL. Missing indexes are created.
func Example() {
	ctx := context.Background()
	store, err := jobs.Open(ctx, "mongo://fhirdock/jobs", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	_ = ingest.Backends{Jobs: store} // and Store, Publisher, Subscription
}
