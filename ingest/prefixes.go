package ingest

import (
	"fmt"
	"strings"

	"gocloud.dev/blob"
)

// Placer is a [Handler] that keeps objects below prefixes of a bucket. [NewWorker] fails
// if they overlap with the prefixes that the [Service] writes to in the same bucket: parts
// and payloads would be mistaken for each other.
type Placer interface {
	// Prefixes returns the bucket and the prefixes, without trailing slashes.
	Prefixes() (*blob.Bucket, []string)
}

// stagingOutcomes is the prefix of outcomes not yet published.
func (o *Options) stagingOutcomes() string { return o.StagingPrefix + "/outcomes" }

// stagingBlocks is the prefix of the lists of blocks that the store does not keep itself.
func (o *Options) stagingBlocks() string { return o.StagingPrefix + "/blocks" }

// checkPlaces returns an error if a handler writes where the Service does.
func (s *Service) checkPlaces(h Handler) error {
	p, ok := h.(Placer)
	if !ok {
		return nil
	}
	bucket, prefixes := p.Prefixes()
	if bucket != s.blobs.Bucket() {
		return nil
	}
	ours := []string{s.opts.Prefix, s.opts.OutcomesPrefix, s.opts.stagingOutcomes(), s.opts.stagingBlocks()}
	if s.opts.Adopt != nil {
		ours = append(ours, s.opts.Adopt.Prefix)
	}
	for _, theirs := range prefixes {
		for _, own := range ours {
			if overlap(theirs, own) {
				return fmt.Errorf("ingest: the handler's prefix %q overlaps with the service's %q", theirs, own)
			}
		}
	}
	return nil
}

// overlap reports whether one prefix is below the other, or both are the same.
func overlap(a, b string) bool {
	return strings.HasPrefix(a+"/", b+"/") || strings.HasPrefix(b+"/", a+"/")
}
