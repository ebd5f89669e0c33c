package main

import "context"

// newUploads is the function that S3 calls with its notifications:
// https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html
// What is no creation of an object of this bucket that a job asked for is counted in the
// log and done. While a back end does not answer the call fails, and Lambda makes it
// again, twice by default; behind that the sweeper finds the upload.
func newUploads(p *pipeline) (function, error) {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		return null, p.service.Notification(ctx, event, nil)
	}, nil
}

// null is the answer of a function that has nothing to say.
var null = []byte("null")
