package objectstores

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/fhirdock/fhirdock/examples/internal/localserver"
)

// versitygwVersion is pinned, so that its behaviour does not change.
const versitygwVersion = "v1.8.0"

const (
	s3Key    = "fhirdock-test"
	s3Secret = "fhirdock-test-secret"
	s3Region = "us-east-1"
)

// S3 starts versitygw on a folder, with a versioned and an unversioned bucket. It returns
// ErrMissing if versitygw is not installed.
func S3(ctx context.Context, folder string) (*Storage, error) { return S3With(ctx, folder) }

// S3With is S3 with additional versitygw flags, such as those for notifications.
func S3With(ctx context.Context, folder string, flags ...string) (_ *Storage, err error) {
	path, err := localserver.Binary(ctx, "FHIRDOCK_TEST_VERSITYGW", "versitygw", versitygwVersion, "versitygw", func(string) []string {
		return []string{"go", "install", "github.com/versity/versitygw/cmd/versitygw@" + versitygwVersion}
	})
	if err != nil {
		return nil, err
	}
	objects, sidecar := filepath.Join(folder, "objects"), filepath.Join(folder, "attributes")
	versions, users := filepath.Join(folder, "versions"), filepath.Join(folder, "users")
	for _, f := range []string{objects, sidecar, versions, users} {
		if err := os.MkdirAll(f, 0o755); err != nil {
			return nil, err
		}
	}
	address, err := localserver.FreeAddress()
	if err != nil {
		return nil, err
	}
	env := []string{"ROOT_ACCESS_KEY=" + s3Key, "ROOT_SECRET_KEY=" + s3Secret}
	args := append([]string{"--port", address, "--region", s3Region, "--quiet", "--iam-dir", users}, flags...)
	p, err := localserver.Start(ctx, address, env, path, append(args, "posix", "--sidecar", sidecar, "--versioning-dir", versions, objects)...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Stop())
		}
	}()
	client := s3Client(address)
	storage, err := s3Storage(ctx, client, address)
	if err != nil {
		return nil, err
	}
	storage.Name, storage.stop = "versitygw "+versitygwVersion+", a real S3 server", p.Stop
	storage.Restrict = func(ctx context.Context, policy []byte) (map[string]string, error) {
		return restrict(ctx, path, "http://"+address, client, "versioned", policy)
	}
	return storage, nil
}

// s3Client returns a client for an S3 server of the tests.
func s3Client(address string) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String("http://" + address), Region: s3Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s3Key, s3Secret, ""),
	})
}

// s3Storage creates a bucket with versioning and one without.
func s3Storage(ctx context.Context, client *s3.Client, address string) (*Storage, error) {
	for _, name := range []string{"versioned", "plain"} {
		if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); err != nil {
			return nil, fmt.Errorf("create bucket: %w", err)
		}
	}
	if _, err := client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: aws.String("versioned"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		return nil, fmt.Errorf("turn versioning on: %w", err)
	}
	opened := func(bucket string) string {
		return "s3://" + bucket + "?" + url.Values{"endpoint": {"http://" + address}, "region": {s3Region}, "use_path_style": {"true"}}.Encode()
	}
	return &Storage{
		Env: map[string]string{"AWS_ACCESS_KEY_ID": s3Key, "AWS_SECRET_ACCESS_KEY": s3Secret, "AWS_EC2_METADATA_DISABLED": "true"},
		URL: opened("versioned"), Unversioned: opened("plain"),
	}, nil
}
