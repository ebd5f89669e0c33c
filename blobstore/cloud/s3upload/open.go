package s3upload

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/policy"
)

// Scheme of the URLs that [OpenBucket] opens.
const Scheme = s3blob.Scheme

// parameters that Go CDK's opener has.
// https://pkg.go.dev/gocloud.dev/blob/s3blob#URLOpener and
// https://pkg.go.dev/gocloud.dev/aws#V2ConfigFromURLParams
var parameters = []string{
	"accelerate", "anonymous", "disable_https", "dualstack", "endpoint", "fips", "hostname_immutable", "kmskeyid",
	"profile", "rate_limiter_capacity", "region", "request_checksum_calculation", "response_checksum_validation",
	"role", "ssetype", "use_path_style",
}

// OpenBucket opens a URL like s3://NAME?region=eu-central-1 as Go CDK does, and
// its Signer, with [Checksums]. The bucket is the caller's to close. Credentials
// are those of the environment, as the AWS SDK finds them. It is an error if the
// URL has a parameter that there is none of; that names those that there are.
func OpenBucket(ctx context.Context, url string) (*blob.Bucket, *Signer, error) {
	u, err := policy.Parse(Scheme, url, parameters...)
	if err != nil {
		return nil, nil, fmt.Errorf("s3upload: open bucket: %w", err)
	}
	opener := &s3blob.URLOpener{}
	opened, err := opener.OpenBucketURL(ctx, u)
	if err != nil {
		return nil, nil, fmt.Errorf("s3upload: open bucket: %w", err)
	}
	// The opener has no place for a client's options; it leaves the bucket's own
	// in opener.Options.
	var client *s3.Client
	opened.As(&client)
	bucket, err := s3blob.OpenBucket(ctx, s3.New(client.Options(), Checksums), u.Host, &opener.Options)
	if err != nil {
		return nil, nil, fmt.Errorf("s3upload: open bucket: %w", err)
	}
	if err := opened.Close(); err != nil {
		return nil, nil, fmt.Errorf("s3upload: open bucket: %w", err)
	}
	signer, err := New(bucket)
	if err != nil {
		return nil, nil, err
	}
	return bucket, signer, nil
}

// Checksums is an option for s3.NewFromConfig: the client asks for the checksum
// where it asks for an object's attributes, so that [Signer.Describe] knows the
// SHA-256 of an upload that was signed for one. S3 does not give it otherwise. On
// an object under a key of KMS it needs kms:Decrypt.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
func Checksums(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("s3upload.Checksums",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				if head, ok := in.Parameters.(*s3.HeadObjectInput); ok && head.ChecksumMode == "" {
					asking := *head
					asking.ChecksumMode = types.ChecksumModeEnabled
					in.Parameters = &asking
				}
				return next.HandleInitialize(ctx, in)
			}), middleware.Before)
	})
}
