package sink

import (
	"context"
	"fmt"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
)

var _ ingest.Eraser = (*Lake)(nil)

// Erase implements [ingest.Eraser]. It removes the current versions of objects; with
// [LakeOptions.Signer] it also removes older ones.
func (l *Lake) Erase(ctx context.Context, organizationID, jobID string, dryRun bool) (blobstore.Removed, error) {
	var removed blobstore.Removed
	for _, prefix := range []string{l.prefix, l.staging} {
		below := prefix + "/" + organizationID + "/"
		if jobID != "" {
			below += jobID + "/"
		}
		n, err := l.store.RemoveAll(ctx, below, false, dryRun)
		removed.Add(n)
		if err != nil {
			return removed, fmt.Errorf("sink: erase: %w", err)
		}
	}
	return removed, nil
}
