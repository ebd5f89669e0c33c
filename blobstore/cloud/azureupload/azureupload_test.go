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
	bucket, err := azureblob.OpenBucket(ctx, client, nil)
	if err != nil {
		panic(err)
	}
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

// A small write that fails returns an error. gocloud.dev before v0.49 panicked.
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
		"azblob://c?key=s3cret":  `unknown parameter "key"; supported are cdn, domain,`,
		"azblob://c?cdn=a&cdn=b": "more than once",
	} {
		_, err := blobstore.Open(t.Context(), given, nil)
		require.ErrorContains(t, err, want, given)
	}
}

// endpoint returns the URL of the container that a URL opens.
func endpoint(t *testing.T, url string) (string, error) {
	t.Helper()
	store, err := blobstore.Open(t.Context(), url, nil)
	if err != nil {
		return "", err
	}
	defer func() { require.NoError(t, store.Close()) }()
	var client *container.Client
	require.True(t, store.Bucket().As(&client))
	return client.URL(), nil
}

func TestDomains(t *testing.T) {
	key := base64.StdEncoding.EncodeToString([]byte("s3cret"))
	for _, name := range []string{"AZURE_STORAGEBLOB_CONNECTIONSTRING", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_DOMAIN"} {
		t.Setenv(name, "")
	}
	t.Setenv("AZURE_STORAGE_ACCOUNT", "account")
	t.Setenv("AZURE_STORAGE_KEY", key)
	for url, want := range map[string]string{
		"azblob://payloads": "https://account.blob.core.windows.net/payloads",
		"azblob://payloads?domain=blob.core.chinacloudapi.cn":                    "https://account.blob.core.chinacloudapi.cn/payloads",
		"azblob://payloads?localemu=true&protocol=http&domain=127.0.0.1%3A10000": "http://127.0.0.1:10000/account/payloads",
	} {
		got, err := endpoint(t, url)
		require.NoError(t, err, url)
		require.Equal(t, want, got)
	}
	for _, url := range []string{
		"azblob://payloads?domain=blob.region.example.com",
		"azblob://payloads?localemu=true&protocol=http&domain=azurite%3A10000",
	} {
		_, err := endpoint(t, url)
		require.ErrorContains(t, err, "azureblob.AllowedStorageDomains", url)
		require.NotContains(t, err.Error(), "s3cret")
		require.NotContains(t, err.Error(), key)
	}
	_, err := endpoint(t, "azblob://payloads?protocol=ftp")
	require.ErrorContains(t, err, "protocol")
	require.NotContains(t, err.Error(), "AllowedStorageDomains")

	t.Setenv("AZURE_STORAGE_DOMAIN", "blob.region.example.com")
	_, err = endpoint(t, "azblob://payloads")
	require.ErrorContains(t, err, "azureblob.AllowedStorageDomains")
	azureblob.AllowedStorageDomains["blob.region.example.com"] = true
	defer delete(azureblob.AllowedStorageDomains, "blob.region.example.com")
	got, err := endpoint(t, "azblob://payloads")
	require.NoError(t, err)
	require.Equal(t, "https://account.blob.region.example.com/payloads", got)
}

func TestConnectionStringTakesAnyEndpoint(t *testing.T) {
	for _, name := range []string{"AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_DOMAIN"} {
		t.Setenv(name, "")
	}
	account := "DefaultEndpointsProtocol=https;AccountName=account;AccountKey=" + base64.StdEncoding.EncodeToString([]byte("key"))
	for suffix, want := range map[string]string{
		";BlobEndpoint=https://account.z12.blob.storage.azure.net/": "https://account.z12.blob.storage.azure.net/payloads",
		";EndpointSuffix=region.example.com":                        "https://account.blob.region.example.com/payloads",
	} {
		t.Setenv("AZURE_STORAGE_CONNECTION_STRING", account+suffix)
		store, err := blobstore.Open(t.Context(), "azblob://payloads", nil)
		require.NoError(t, err)
		defer store.Close()
		signed, err := store.SignUpload(t.Context(), "k", blobstore.UploadPolicy{})
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(signed.URL, want+"/k?"), signed.URL)
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
	fmt.Println("create-only enforced:", store.Enforces().CreateOnly, "- size enforced:", store.Enforces().Size)
	// Output:
	// Content-Type: application/fhir+ndjson
	// X-Ms-Blob-Type: BlockBlob
	// create-only enforced: true - size enforced: false
}

func newStore(t *testing.T, bucket *blob.Bucket, opts *blobstore.Options) *blobstore.Store {
	t.Helper()
	s, err := blobstore.New(bucket, opts)
	require.NoError(t, err)
	return s
}
