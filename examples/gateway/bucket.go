package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"gocloud.dev/blob"
)

// checkBucket fails at the start if there is no such bucket. One that does not answer
// may answer later: see /readyz.
func checkBucket(ctx context.Context, bucket *blob.Bucket, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	switch there, err := bucket.IsAccessible(ctx); {
	case err != nil:
		log.Warn("the bucket can't be reached; requests fail until it can", "error", err)
	case !there:
		return errors.New("-blob: there is no such bucket")
	}
	return nil
}
