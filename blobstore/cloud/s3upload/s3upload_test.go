package s3upload_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/blob/s3blob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/cloud/s3upload"
)

func open(t testing.TB, credentials aws.CredentialsProvider, endpoint string) (*blob.Bucket, *s3upload.Signer) {
	t.Helper()
	client := s3.New(s3.Options{Region: "eu-central-1", Credentials: credentials, BaseEndpoint: &endpoint, UsePathStyle: true}, s3upload.Checksums)
	bucket, err := s3blob.OpenBucket(t.Context(), client, "payloads", nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	signer, err := s3upload.New(bucket)
	require.NoError(t, err)
	return bucket, signer
}

var static = credentials.NewStaticCredentialsProvider("id", "secret", "")

// Exactly the headers for the client are signed.
func TestHeadersAreSigned(t *testing.T) {
	_, signer := open(t, static, "https://s3.example")
	for want, p := range map[string]blobstore.UploadPolicy{
		"host": {MaxSize: 9},
		"content-length;content-type;host;if-none-match;x-amz-checksum-sha256;x-amz-meta-job_id": {
			ContentType: "application/fhir+ndjson", Size: 7, MaxSize: 9, SHA256: strings.Repeat("0A", 32), CreateOnly: true,
			Metadata: map[string]string{"job_id": "j"}, Expiry: 90 * time.Second,
		},
	} {
		signed, err := signer.SignUpload(t.Context(), "a/b.ndjson", p)
		require.NoError(t, err)
		u, err := url.Parse(signed.URL)
		require.NoError(t, err)
		require.Equal(t, want, u.Query().Get("X-Amz-SignedHeaders"))
		names := []string{"host"}
		for name := range maps.Keys(signed.Headers) {
			names = append(names, strings.ToLower(name))
		}
		slices.Sort(names)
		require.Equal(t, want, strings.Join(names, ";"))
		if p.Expiry > 0 {
			require.WithinDuration(t, time.Now().Add(p.Expiry), signed.ExpiresAt, 5*time.Second)
		}
	}
}

func TestURLExpiresWithCredentials(t *testing.T) {
	ends := time.Now().Add(time.Minute).Truncate(time.Second).UTC()
	_, signer := open(t, aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret", SessionToken: "token", CanExpire: true, Expires: ends}, nil
	}), "https://s3.example")
	signed, err := signer.SignUpload(t.Context(), "k", blobstore.UploadPolicy{Expiry: time.Hour})
	require.NoError(t, err)
	require.Equal(t, ends, signed.ExpiresAt)
	signed, err = signer.SignUpload(t.Context(), "k", blobstore.UploadPolicy{Expiry: time.Second})
	require.NoError(t, err)
	require.True(t, signed.ExpiresAt.Before(ends))
}

// Describe reads what S3 documents for HeadObject.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
func TestDescribe(t *testing.T) {
	const digest = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for name, c := range map[string]struct {
		header          map[string]string
		sha256, version string
	}{
		"nothing":   {nil, "", "etag"},
		"versioned": {map[string]string{"x-amz-version-id": "v1"}, "", "versionId=v1"},
		"suspended": {map[string]string{"x-amz-version-id": "null"}, "", "etag"},
		"whole":     {map[string]string{"x-amz-checksum-sha256": digest, "x-amz-checksum-type": "FULL_OBJECT"}, strings.Repeat("0", 64), "etag"},
		"in parts":  {map[string]string{"x-amz-checksum-sha256": digest + "-2", "x-amz-checksum-type": "COMPOSITE"}, "", "etag"},
		"old parts": {map[string]string{"x-amz-checksum-sha256": digest + "-2"}, "", "etag"},
		"another":   {map[string]string{"x-amz-checksum-crc32": "AAAAAA=="}, "", "etag"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodHead || r.Header.Get("X-Amz-Checksum-Mode") != "ENABLED" {
					t.Errorf("%s without ChecksumMode", r.Method)
				}
				for name, value := range c.header {
					w.Header().Set(name, value)
				}
				w.Header().Set("ETag", `"etag"`)
			}))
			defer server.Close()
			bucket, signer := open(t, static, server.URL)
			o, err := newStore(t, bucket, &blobstore.Options{Signer: signer}).Attributes(t.Context(), "k")
			require.NoError(t, err)
			require.Equal(t, c.sha256, o.SHA256)
			require.Equal(t, c.version, o.Version)
		})
	}
}

func TestGone(t *testing.T) {
	_, signer := open(t, static, "https://s3.example")
	require.True(t, signer.Gone(fmt.Errorf("open: %w", &smithy.GenericAPIError{Code: "NoSuchVersion"})))
	require.False(t, signer.Gone(&smithy.GenericAPIError{Code: "SlowDown"}))
	require.False(t, signer.Gone(context.Canceled))
}

func TestOtherDriver(t *testing.T) {
	_, err := s3upload.New(memblob.OpenBucket(nil))
	require.ErrorContains(t, err, "s3blob")
}

func TestOpenBucketErrors(t *testing.T) {
	for given, want := range map[string]string{
		"s3://":                     "s3://NAME",
		"s3://b/path":               "s3://NAME",
		"s3://user:s3cret@b":        "s3://NAME",
		"s3://b?regoin=s3cret":      `unknown parameter "regoin"; supported are accelerate, anonymous,`,
		"s3://b?region=a&region=b":  "more than once",
		"s3://b?a;b":                "malformed",
		"s3://b?ssetype=s3cret-no":  "ssetype",
		"s3://b?use_path_style=yep": "use_path_style",
	} {
		_, err := blobstore.Open(t.Context(), given, nil)
		require.ErrorContains(t, err, want, given)
	}
	store, err := blobstore.Open(t.Context(), "s3://b?region=eu-central-1&use_path_style=true&endpoint=https://s3.example", nil)
	require.NoError(t, err)
	require.Equal(t, "b", store.Name())
	require.True(t, store.S3())
	require.True(t, store.PinsVersions())
	require.NoError(t, store.Close())
	named, err := blobstore.Open(t.Context(), "s3://b?region=eu-central-1", &blobstore.Options{Bucket: "other"})
	require.NoError(t, err)
	require.Equal(t, "other", named.Name())
	require.NoError(t, named.Close())
}

func ExampleSigner() {
	ctx := context.Background()
	client := s3.New(s3.Options{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")}, s3upload.Checksums)
	bucket, err := s3blob.OpenBucket(ctx, client, "payloads", nil)
	if err != nil {
		panic(err)
	}
	defer bucket.Close()
	signer, err := s3upload.New(bucket)
	if err != nil {
		panic(err)
	}
	store, err := blobstore.New(bucket, &blobstore.Options{Bucket: "payloads", Signer: signer})
	if err != nil {
		panic(err)
	}
	signed, err := store.SignUpload(ctx, "incoming/demo/a.ndjson", blobstore.UploadPolicy{
		ContentType: "application/fhir+ndjson", Size: 1000, MaxSize: 1 << 30, CreateOnly: true,
	})
	if err != nil {
		panic(err)
	}
	for _, name := range slices.Sorted(maps.Keys(signed.Headers)) {
		fmt.Printf("%s: %s\n", name, signed.Headers[name])
	}
	fmt.Println("size enforced:", store.Enforces().Size, "- upper limit enforced:", store.Enforces().MaxSize)
	// Output:
	// Content-Length: 1000
	// Content-Type: application/fhir+ndjson
	// If-None-Match: *
	// size enforced: true - upper limit enforced: false
}

func newStore(t *testing.T, bucket *blob.Bucket, opts *blobstore.Options) *blobstore.Store {
	t.Helper()
	s, err := blobstore.New(bucket, opts)
	require.NoError(t, err)
	return s
}
