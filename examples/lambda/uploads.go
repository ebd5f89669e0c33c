package main

import (
	"context"
	"encoding/json"
)

// newUploads is the function that S3 calls with its notifications:
// https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html
// What is no creation of an object of this bucket, and what neither a job asked for nor
// FHIRDOCK_ADOPT takes, is counted in the log and done with. It answers at how many
// objects it looked, {"processed": n, "errors": 0}. If a back end does not answer for one
// of them the call fails, and says at how many it looked; Lambda makes it again, twice by
// default, and after that the sweeper finds the object.
func newUploads(p *pipeline) (function, error) {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		looked, err := p.service.Notification(ctx, event, nil)
		if err != nil {
			p.log.WarnContext(ctx, "notification to be sent again", "processed", looked.Processed, "errors", looked.Failed, "error", err)
			return nil, err
		}
		return json.Marshal(map[string]int{"processed": looked.Processed, "errors": looked.Failed})
	}, nil
}

// null is the answer of a function that has nothing to say.
var null = []byte("null")
