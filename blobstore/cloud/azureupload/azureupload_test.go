package azureupload_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/cloud/azureupload"
)

// open opens a container with the account's key.
func open(ctx context.Context, service string) (*blob.Bucket, *azureupload.Signer) {
	credential, err := container.NewSharedKeyCredential("account", base64.StdEncoding.EncodeToString([]byte("key")))
	if err != nil {
		panic(err)
	}
	client, err := container.NewClientWithSharedKeyCredential(service+"/payloads", credential, nil)
	if err != nil {
		panic(err)
	}
	opened, err := azureblob.OpenBucket(ctx, client, nil)
	if err != nil {
		panic(err)
	}
	bucket := azureupload.Repair(opened)
	signer, err := azureupload.New(bucket)
	if err != nil {
		panic(err)
	}
	return bucket, signer
}

func TestPermissions(t *testing.T) {
	_, signer := open(t.Context(), "https://account.blob.core.windows.net")
	for want, policy := range map[string]blobstore.UploadPolicy{
		"c": {
			CreateOnly: true, ContentType: "application/fhir+ndjson", Size: 7, MaxSize: 9, SHA256: strings.Repeat("0", 64),
			Metadata: map[string]string{"job_id": "j"}, Expiry: 7 * 24 * time.Hour,
		},
		"cw": {Expiry: time.Minute},
	} {
		signed, err := signer.SignUpload(t.Context(), "a/b.ndjson", policy)
		require.NoError(t, err)
		u, err := url.Parse(signed.URL)
		require.NoError(t, err)
		require.Equal(t, want, u.Query().Get("sp"))
		require.Equal(t, "b", u.Query().Get("sr"), "one blob, not the container")
		require.Equal(t, "BlockBlob", signed.Headers["X-Ms-Blob-Type"])
		require.Equal(t, policy.ContentType, signed.Headers["Content-Type"])
		require.Equal(t, policy.Metadata["job_id"], signed.Headers["X-Ms-Meta-Job_id"])
		require.Equal(t, blobstore.UploadPolicy{CreateOnly: policy.CreateOnly, Expiry: policy.Expiry}, signed.Bound)
		require.Equal(t, signer.Bindings().Of(policy), signed.Bound)
		left := time.Until(signed.ExpiresAt)
		require.LessOrEqual(t, left, policy.Expiry+time.Second)
		require.Greater(t, left, policy.Expiry-5*time.Second)
	}
}

func TestBucketWithoutKey(t *testing.T) {
	client, err := container.NewClientWithNoCredential("https://account.blob.core.windows.net/payloads", nil)
	require.NoError(t, err)
	bucket, err := azureblob.OpenBucket(t.Context(), client, nil)
	require.NoError(t, err)
	signer, err := azureupload.New(bucket)
	require.NoError(t, err)
	_, err = signer.SignUpload(t.Context(), "k", blobstore.UploadPolicy{})
	require.ErrorIs(t, err, blobstore.ErrUnsupported)
}

// A small write that fails is an error, not a panic as it would be without Repair.
func TestSmallWriteFails(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Ms-Error-Code", "BlobAlreadyExists")
		w.WriteHeader(http.StatusConflict)
	}))
	defer server.Close()
	bucket, signer := open(t.Context(), server.URL)
	defer bucket.Close()
	store := newStore(t, bucket, &blobstore.Options{Signer: signer})
	for range 10 {
		_, err := store.Create(t.Context(), "k", strings.NewReader("small"), nil)
		require.ErrorIs(t, err, blobstore.ErrExists)
	}
	require.Error(t, bucket.WriteAll(t.Context(), "k", nil, nil))
}

func TestVersions(t *testing.T) {
	_, signer := open(t.Context(), "https://account.blob.core.windows.net")
	require.ErrorIs(t, signer.Pin("1", func(any) bool { return false }), blobstore.ErrUnsupported)
	require.False(t, signer.Gone(context.Canceled))
}

func TestOtherDriver(t *testing.T) {
	_, err := azureupload.New(memblob.OpenBucket(nil))
	require.ErrorContains(t, err, "azureblob")
}

func TestOpenBucketErrors(t *testing.T) {
	for given, want := range map[string]string{
		"azblob://":              "azblob://NAME",
		"azblob://c/path":        "azblob://NAME",
		"s3://b":                 "azblob://NAME",
		"azblob://c?key=s3cret":  `unknown parameter "key"; supported are cdn, domain,`,
		"azblob://c?cdn=a&cdn=b": "more than once",
	} {
		_, _, err := azureupload.OpenBucket(t.Context(), given)
		require.ErrorContains(t, err, want, given)
	}
}

func ExampleSigner() {
	ctx := context.Background()
	bucket, signer := open(ctx, "https://account.blob.core.windows.net")
	defer bucket.Close()
	store, err := blobstore.New(bucket, &blobstore.Options{Bucket: "payloads", Signer: signer})
	if err != nil {
		panic(err)
	}
	signed, err := store.SignUpload(ctx, "incoming/demo/a.ndjson", blobstore.UploadPolicy{
		ContentType: "application/fhir+ndjson", Size: 1000, CreateOnly: true,
	})
	if err != nil {
		panic(err)
	}
	for _, name := range slices.Sorted(maps.Keys(signed.Headers)) {
		fmt.Printf("%s: %s\n", name, signed.Headers[name])
	}
	fmt.Println("bound: create-only", signed.Bound.CreateOnly, "- the size is checked afterwards:", signed.Bound.Size == 0)
	// Output:
	// Content-Type: application/fhir+ndjson
	// X-Ms-Blob-Type: BlockBlob
	// bound: create-only true - the size is checked afterwards: true
}

func newStore(t *testing.T, bucket *blob.Bucket, opts *blobstore.Options) *blobstore.Store {
	t.Helper()
	s, err := blobstore.New(bucket, opts)
	require.NoError(t, err)
	return s
}
