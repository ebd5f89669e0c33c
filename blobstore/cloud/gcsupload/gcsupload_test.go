package gcsupload_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcp"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/cloud/gcsupload"
)

// newKey returns a private key for a service account.
func newKey() []byte {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

func open(ctx context.Context, opts *gcsblob.Options) (*blob.Bucket, *gcsupload.Signer) {
	bucket, err := gcsblob.OpenBucket(ctx, gcp.NewAnonymousHTTPClient(gcp.DefaultTransport()), "payloads", opts)
	if err != nil {
		panic(err)
	}
	signer, err := gcsupload.New(bucket)
	if err != nil {
		panic(err)
	}
	return bucket, signer
}

// Exactly the headers for the client are signed.
func TestHeadersAreSigned(t *testing.T) {
	_, signer := open(t.Context(), &gcsblob.Options{GoogleAccessID: "a@b.example", PrivateKey: newKey()})
	const limit = "X-Goog-Content-Length-Range"
	for name, c := range map[string]struct {
		policy        blobstore.UploadPolicy
		want, lengths string
	}{
		"nothing":                  {blobstore.UploadPolicy{SHA256: strings.Repeat("0", 64)}, "host", ""},
		"exact":                    {blobstore.UploadPolicy{Size: 7, MaxSize: 9}, "host;x-goog-content-length-range", "7,7"},
		"at most":                  {blobstore.UploadPolicy{MaxSize: 9}, "host;x-goog-content-length-range", "0,9"},
		"above the largest object": {blobstore.UploadPolicy{MaxSize: 1 << 62}, "host;x-goog-content-length-range", "0,5497558138880"},
		"all": {blobstore.UploadPolicy{
			ContentType: "application/fhir+ndjson; fhirVersion=4.3", Size: 7, CreateOnly: true, Metadata: map[string]string{"job_id": "j"},
			SHA256: strings.Repeat("0", 64), Expiry: 7 * 24 * time.Hour,
		}, "content-type;host;x-goog-content-length-range;x-goog-if-generation-match;x-goog-meta-job_id", "7,7"},
	} {
		t.Run(name, func(t *testing.T) {
			signed, err := signer.SignUpload(t.Context(), "a/b.ndjson", c.policy)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(signed.URL, "https://storage.googleapis.com/payloads/a/b.ndjson?"), signed.URL)
			u, err := url.Parse(signed.URL)
			require.NoError(t, err)
			require.Equal(t, "GOOG4-RSA-SHA256", u.Query().Get("X-Goog-Algorithm"))
			require.Equal(t, c.want, u.Query().Get("X-Goog-SignedHeaders"))
			names := []string{"host"}
			for name := range signed.Headers {
				names = append(names, strings.ToLower(name))
			}
			slices.Sort(names)
			require.Equal(t, c.want, strings.Join(names, ";"))
			require.Equal(t, c.lengths, signed.Headers[limit])
			if c.policy.Expiry > 0 {
				require.WithinDuration(t, time.Now().Add(c.policy.Expiry), signed.ExpiresAt, 5*time.Second)
			}
		})
	}
}

func TestBucketWithoutKey(t *testing.T) {
	_, signer := open(t.Context(), nil)
	_, err := signer.SignUpload(t.Context(), "k", blobstore.UploadPolicy{})
	require.ErrorIs(t, err, blobstore.ErrUnsupported)
}

func TestVersions(t *testing.T) {
	_, signer := open(t.Context(), nil)
	require.ErrorIs(t, signer.Pin("an-etag", func(any) bool { return true }), blobstore.ErrChanged)
	require.ErrorIs(t, signer.Pin("1", func(any) bool { return false }), blobstore.ErrUnsupported)
	require.False(t, signer.Gone(context.Canceled))
	sha256, version := signer.Describe(&blob.Attributes{})
	require.Empty(t, sha256+version)
}

func TestOtherDriver(t *testing.T) {
	_, err := gcsupload.New(memblob.OpenBucket(nil))
	require.ErrorContains(t, err, "gcsblob")
}

func TestOpenBucketErrors(t *testing.T) {
	for given, want := range map[string]string{
		"gs://":                  "gs://NAME",
		"gs://b/path":            "gs://NAME",
		"gs://b?project=s3cret":  `unknown parameter "project"; supported are access_id, anonymous,`,
		"gs://b?grpc=a&grpc=b":   "more than once",
		"gs://b?anonymous=maybe": "parsing",
	} {
		_, err := blobstore.Open(t.Context(), given, nil)
		require.ErrorContains(t, err, want, given)
	}
}

func ExampleSigner() {
	ctx := context.Background()
	bucket, signer := open(ctx, &gcsblob.Options{GoogleAccessID: "intake@project.iam.gserviceaccount.com", PrivateKey: newKey()})
	defer bucket.Close()
	store, err := blobstore.New(bucket, &blobstore.Options{Bucket: "payloads", Signer: signer})
	if err != nil {
		panic(err)
	}
	signed, err := store.SignUpload(ctx, "incoming/demo/a.ndjson", blobstore.UploadPolicy{
		ContentType: "application/fhir+ndjson", MaxSize: 1 << 30, CreateOnly: true,
	})
	if err != nil {
		panic(err)
	}
	for _, name := range slices.Sorted(maps.Keys(signed.Headers)) {
		fmt.Printf("%s: %s\n", name, signed.Headers[name])
	}
	// Output:
	// Content-Type: application/fhir+ndjson
	// X-Goog-Content-Length-Range: 0,1073741824
	// X-Goog-If-Generation-Match: 0
}
