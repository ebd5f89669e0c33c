package s3upload

import (
	"context"
	"fmt"
	"maps"
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
	pages := s3.NewListObjectVersionsPaginator(s.client, &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return removed, fmt.Errorf("s3upload: list versions: %w", err)
		}
		keys := map[string][]version{}
		for _, v := range page.Versions {
			keys[aws.ToString(v.Key)] = append(keys[aws.ToString(v.Key)], version{v.VersionId, aws.ToInt64(v.Size)})
		}
		for _, m := range page.DeleteMarkers {
			keys[aws.ToString(m.Key)] = append(keys[aws.ToString(m.Key)], version{m.VersionId, 0})
		}
		if exact {
			maps.DeleteFunc(keys, func(key string, _ []version) bool { return key != prefix })
		}
		done, err := s.removePage(ctx, bucket, keys, dryRun)
		removed.Add(done)
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// version is a version of an object, or a delete marker.
type version struct {
	id   *string
	size int64 // bytes
}

// removePage removes several objects at once, but the versions of an object one by one:
// versitygw mixes them up otherwise, and refuses to remove some.
func (s *Signer) removePage(ctx context.Context, bucket string, keys map[string][]version, dryRun bool) (blobstore.Removed, error) {
	var removed blobstore.Removed
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(8)
	for key, versions := range keys {
		g.Go(func() error {
			for _, v := range versions {
				if !dryRun {
					if _, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key, VersionId: v.id}); err != nil {
						return fmt.Errorf("s3upload: delete a version: %w", err)
					}
				}
				mu.Lock()
				removed.Add(blobstore.Removed{Objects: 1, Bytes: v.size})
				mu.Unlock()
			}
			return nil
		})
	}
	err := g.Wait()
	return removed, err
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
