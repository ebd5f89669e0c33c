//go:build !noaws

package backends

import (
	"context"

	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/dynamojobs"
)

var dynamoJobs docDriver = func(ctx context.Context, c Config) (docStore, error) {
	return openedStore(dynamojobs.OpenStore(ctx, c.Jobs))
}
