package main

import (
	"context"
	"encoding/json"
)

// newUploads returns the function that S3 calls with its notifications:
// https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html
//
// Notifications of other events or buckets, and of objects that belong to no job and are
// not adopted (FHIRDOCK_ADOPT), are counted in the log and ignored. The response counts
// the objects, {"processed": n, "errors": 0}. If a back end does not respond for one of
// them the call fails, with the count in its error. Lambda then retries, twice by default,
// and after that the sweeper finds the object.
func newUploads(p *pipeline) (function, error) {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		looked, err := p.service.Notification(ctx, event, nil)
		if err != nil {
			p.log.WarnContext(ctx, "notification failed and will be retried", "processed", looked.Processed, "errors", looked.Failed, "error", err)
			return nil, err
		}
		return json.Marshal(map[string]int{"processed": looked.Processed, "errors": looked.Failed})
	}, nil
}

// null is an empty response.
var null = []byte("null")
