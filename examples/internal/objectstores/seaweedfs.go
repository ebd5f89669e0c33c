package objectstores

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/fhirdock/fhirdock/examples/internal/localserver"
)

// seaweedFSVariable names the environment variable for the program. The tests don't install
// it: go install refuses its module, which has replace directives, and building its 1,739
// packages takes minutes.
const seaweedFSVariable = "FHIRDOCK_TEST_SEAWEEDFS"

// SeaweedFS starts the S3 server of SeaweedFS on a folder, with the same two buckets as
// [S3]. ErrMissing if the environment variable FHIRDOCK_TEST_SEAWEEDFS does not name the
// program weed.
func SeaweedFS(ctx context.Context, folder string) (_ *Storage, err error) {
	path := os.Getenv(seaweedFSVariable)
	if path == "" {
		return nil, fmt.Errorf("%w: set %s to the program weed", ErrMissing, seaweedFSVariable)
	}
	if err := os.WriteFile(filepath.Join(folder, "s3.json"), fmt.Appendf(nil,
		`{"identities": [{"name": "test", "credentials": [{"accessKey": %q, "secretKey": %q}], "actions": ["Admin", "Read", "List", "Tagging", "Write"]}]}`,
		s3Key, s3Secret), 0o600); err != nil {
		return nil, err
	}
	args := []string{
		"server", "-dir=" + folder, "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-s3.port.iceberg=0", "-s3.port.lance=0",
		"-s3.config=" + filepath.Join(folder, "s3.json"), "-master.volumeSizeLimitMB=64", "-volume.max=100",
	}
	var address string
	for _, port := range []string{"master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc", "s3.port.grpc", "s3.port"} {
		if address, err = localserver.FreeAddress(); err != nil {
			return nil, err
		}
		_, number, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		args = append(args, "-"+port+"="+number)
	}
	p, err := localserver.Start(ctx, address, nil, path, args...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Stop())
		}
	}()
	// The S3 port answers before the servers after it do.
	client := s3Client(address)
	if err := eventually(ctx, func() error { _, err := client.ListBuckets(ctx, nil); return err }); err != nil {
		return nil, fmt.Errorf("list buckets: %w", err)
	}
	storage, err := s3Storage(ctx, client, address)
	if err != nil {
		return nil, err
	}
	bucket, key := "plain", "ready"
	err = eventually(ctx, func() error {
		_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key})
		return err
	})
	if err == nil {
		_, err = client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
	}
	if err != nil {
		return nil, fmt.Errorf("write an object: %w", err)
	}
	storage.Name, storage.stop = "SeaweedFS, a real S3 server", p.Stop
	return storage, nil
}

// eventually calls try until it succeeds, for at most 30 seconds.
func eventually(ctx context.Context, try func() error) error {
	for began := time.Now(); ; {
		err := try()
		if err == nil || time.Since(began) > 30*time.Second {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
