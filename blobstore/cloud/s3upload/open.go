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

// parameters that Go CDK's opener supports.
// https://pkg.go.dev/gocloud.dev/blob/s3blob#URLOpener and
// https://pkg.go.dev/gocloud.dev/aws#V2ConfigFromURLParams
var parameters = []string{
	"accelerate", "anonymous", "disable_https", "dualstack", "endpoint", "fips", "hostname_immutable", "kmskeyid",
	"profile", "rate_limiter_capacity", "region", "request_checksum_calculation", "response_checksum_validation",
	"role", "ssetype", "use_path_style",
}

// OpenBucket opens a URL like s3://NAME?region=eu-central-1 with Go CDK and [Checksums], and
// returns the bucket, which the caller closes, and its Signer. It uses the AWS SDK's default
// credentials. Unknown parameters are an error.
func OpenBucket(ctx context.Context, url string) (*blob.Bucket, *Signer, error) {
	u, err := policy.Parse(s3blob.Scheme, url, parameters...)
	if err != nil {
		return nil, nil, fmt.Errorf("s3upload: open bucket: %w", err)
	}
	opener := &s3blob.URLOpener{}
	opened, err := opener.OpenBucketURL(ctx, u)
	if err != nil {
		return nil, nil, fmt.Errorf("s3upload: open bucket: %w", err)
	}
	// The opener does not take options for the client, so open the bucket again with a
	// changed client and the opener's Options.
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
