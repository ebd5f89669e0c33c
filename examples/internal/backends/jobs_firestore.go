//go:build !nogcp

package backends

import (
	"context"

	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/firestorejobs"
)

var firestoreJobs docDriver = func(ctx context.Context, c Config) (docStore, error) {
	return openedStore(firestorejobs.OpenStore(ctx, c.Jobs))
}
