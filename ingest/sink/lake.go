// Package sink has ready-made handlers.
package sink

import (
	"context"

	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
)

// LakeOptions; nil means the defaults.
type LakeOptions struct {
	// Prefix of the output. Default "processed".
	Prefix string
	// Staging is the prefix of parts under way. Default "staging/lake".
	Staging string
}

// Lake writes {prefix}/{organization}/{jobId}/{ResourceType}.ndjson.
type Lake struct{}

// NewLake returns a Lake in a bucket.
func NewLake(bucket *blob.Bucket, opts *LakeOptions) *Lake { panic("") }

// Handle implements [ingest.Handler].
func (l *Lake) Handle(ctx context.Context, b *ingest.Batch) error { panic("") }

// Finish implements [ingest.Finisher].
func (l *Lake) Finish(ctx context.Context, job *jobs.Job) ([]jobs.Output, error) { panic("") }
