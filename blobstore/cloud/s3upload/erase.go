package s3upload

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/blobstore"
)

var _ blobstore.VersionRemover = (*Signer)(nil)

// RemoveVersions implements [blobstore.VersionRemover]. It needs the permissions
// s3:ListBucketVersions and s3:DeleteObjectVersion. A version with an Object Lock is an error.
func (s *Signer) RemoveVersions(ctx context.Context, prefix string, exact, dryRun bool) (blobstore.Removed, error) {
	var removed blobstore.Removed
	bucket, prefix, err := s.inBucket(ctx, prefix)
	if err != nil {
		return removed, err
	}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(8)
	remove := func(key, version *string, size int64) {
		if exact && aws.ToString(key) != prefix {
			return
		}
		g.Go(func() error {
			if !dryRun {
				if _, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: key, VersionId: version}); err != nil {
					return fmt.Errorf("s3upload: delete a version: %w", err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			removed.Add(blobstore.Removed{Objects: 1, Bytes: size})
			return nil
		})
	}
	pages := s3.NewListObjectVersionsPaginator(s.client, &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return removed, errors.Join(fmt.Errorf("s3upload: list versions: %w", err), g.Wait())
		}
		for i := range page.Versions {
			remove(page.Versions[i].Key, page.Versions[i].VersionId, aws.ToInt64(page.Versions[i].Size))
		}
		for i := range page.DeleteMarkers {
			remove(page.DeleteMarkers[i].Key, page.DeleteMarkers[i].VersionId, 0)
		}
	}
	return removed, g.Wait()
}

// inBucket returns the bucket's name and the prefix in S3, because Go CDK's bucket may add a
// prefix and escapes some characters.
func (s *Signer) inBucket(ctx context.Context, prefix string) (bucket, inside string, err error) {
	_, _, err = s.bucket.ListPage(ctx, blob.FirstPageToken, 1, &blob.ListOptions{
		Prefix: prefix,
		BeforeList: func(as func(any) bool) error {
			var in *s3.ListObjectsV2Input
			if !as(&in) {
				return blobstore.ErrUnsupported
			}
			bucket, inside = aws.ToString(in.Bucket), aws.ToString(in.Prefix)
			return nil
		},
	})
	if err != nil {
		return "", "", fmt.Errorf("s3upload: list objects: %w", err)
	}
	return bucket, inside, nil
}
