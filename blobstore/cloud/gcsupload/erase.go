package gcsupload

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/blobstore"
)

var _ blobstore.VersionRemover = (*Signer)(nil)

// RemoveVersions implements [blobstore.VersionRemover]. It deletes each generation. A bucket
// with soft delete still keeps them for its retention time; with a retention policy or a
// hold, deleting fails.
func (s *Signer) RemoveVersions(ctx context.Context, prefix string, exact, dryRun bool) (blobstore.Removed, error) {
	var removed blobstore.Removed
	var client *storage.Client
	if !s.bucket.As(&client) {
		return removed, blobstore.ErrUnsupported
	}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(8)
	opts := &blob.ListOptions{Prefix: prefix, BeforeList: func(as func(any) bool) error {
		var query *storage.Query
		if !as(&query) {
			return blobstore.ErrUnsupported
		}
		query.Versions = true
		return nil
	}}
	for token := blob.FirstPageToken; len(token) > 0; {
		page, next, err := s.bucket.ListPage(ctx, token, 1000, opts)
		if err != nil {
			return removed, errors.Join(fmt.Errorf("gcsupload: list generations: %w", err), g.Wait())
		}
		token = next
		for _, o := range page {
			var attrs storage.ObjectAttrs
			if exact && o.Key != prefix || !o.As(&attrs) {
				continue
			}
			g.Go(func() error {
				if !dryRun {
					err := client.Bucket(attrs.Bucket).Object(attrs.Name).Generation(attrs.Generation).Delete(ctx)
					if err != nil && !errors.Is(err, storage.ErrObjectNotExist) {
						return fmt.Errorf("gcsupload: delete a generation: %w", err)
					}
				}
				mu.Lock()
				defer mu.Unlock()
				removed.Add(blobstore.Removed{Objects: 1, Bytes: attrs.Size})
				return nil
			})
		}
	}
	return removed, g.Wait()
}
