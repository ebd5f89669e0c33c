//go:build !nomongo

package backends

import (
	"context"

	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/mongojobs"
)

var mongoJobs docDriver = func(ctx context.Context, c Config) (docStore, error) {
	return openedStore(mongojobs.OpenStore(ctx, c.Jobs, &mongojobs.Options{SkipIndexes: c.SkipMigrations}))
}
