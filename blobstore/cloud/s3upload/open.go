package s3upload

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/policy"
	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/storeurl"
)

// parameters that Go CDK's opener supports.
// https://pkg.go.dev/gocloud.dev/blob/s3blob#URLOpener and
// https://pkg.go.dev/gocloud.dev/aws#V2ConfigFromURLParams
var parameters = []string{
	"accelerate", "anonymous", "disable_https", "dualstack", "endpoint", "fips", "hostname_immutable", "kmskeyid",
	"profile", "rate_limiter_capacity", "region", "request_checksum_calculation", "response_checksum_validation",
	"role", "ssetype", "use_path_style",
}

func init() { blobstore.DefaultURLMux().Register(s3blob.Scheme, URLOpener{}) }

// URLOpener opens URLs like s3://NAME?region=eu-central-1 as Go CDK does, with [Checksums]
// and a [Signer]. It uses the AWS SDK's default credentials. Importing this package
// registers it with [blobstore.DefaultURLMux] for s3://.
type URLOpener struct{}

// OpenStoreURL implements [blobstore.URLOpener].
func (URLOpener) OpenStoreURL(ctx context.Context, urlstr string, opts *blobstore.Options) (*blobstore.Store, error) {
	u, err := policy.Parse(s3blob.Scheme, urlstr, parameters...)
	if err != nil {
		return nil, fmt.Errorf("s3upload: open bucket: %w", err)
	}
	bucket, err := openBucket(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("s3upload: open bucket: %w", err)
	}
	return storeurl.Store(bucket, u.Host, New, opts)
}

// openBucket opens the bucket with Checksums. Go CDK's opener takes no options for the
// client, so the bucket is opened again with a changed client and the opener's Options.
func openBucket(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	opener := &s3blob.URLOpener{}
	opened, err := opener.OpenBucketURL(ctx, u)
	if err != nil {
		return nil, err
	}
	var client *s3.Client
	opened.As(&client)
	bucket, err := s3blob.OpenBucket(ctx, s3.New(client.Options(), Checksums), u.Host, &opener.Options)
	if err != nil {
		return nil, err
	}
	if err := opened.Close(); err != nil {
		return nil, err
	}
	return bucket, nil
}

// Checksums is an option for s3.NewFromConfig that makes the client request checksums with
// an object's attributes, so that [Signer.Describe] gets the SHA-256 of an upload. It needs
// kms:Decrypt for objects encrypted with a KMS key.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
func Checksums(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("s3upload.Checksums",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				if head, ok := in.Parameters.(*s3.HeadObjectInput); ok && head.ChecksumMode == "" {
					changed := *head
					changed.ChecksumMode = types.ChecksumModeEnabled
					in.Parameters = &changed
				}
				return next.HandleInitialize(ctx, in)
			}), middleware.Before)
	})
}
