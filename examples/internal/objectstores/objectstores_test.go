package objectstores_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/examples/internal/backends"
	"github.com/fhirdock/fhirdock/examples/internal/objectstores"
)

func TestS3(t *testing.T) {
	s := lend(t, func(ctx context.Context) (*objectstores.Storage, error) { return objectstores.S3(ctx, t.TempDir()) })
	t.Run("with versioning", func(t *testing.T) { suite(t, s.URL, traits{keepsOldVersions: true}) })
	t.Run("without versioning", func(t *testing.T) { suite(t, s.Unversioned, traits{}) })
}

func TestGCS(t *testing.T) {
	suite(t, lend(t, func(ctx context.Context) (*objectstores.Storage, error) { return objectstores.GCS(ctx, t.TempDir()) }).URL, traits{})
}

func TestAzure(t *testing.T) {
	suite(t, lend(t, objectstores.Azure).URL, traits{stagedIsThere: true})
}

// traits are what the storages differ in beyond what their signers say.
type traits struct {
	keepsOldVersions bool
	// stagedIsThere: to a create-only write, what a cancelled write in parts left
	// behind counts as an object. Azurite does that; for Azure it is not known.
	stagedIsThere bool
}

func suite(t *testing.T, url string, has traits) {
	t.Run("store", func(t *testing.T) { stores(t, open(t, url), has) })
	t.Run("signed uploads", func(t *testing.T) { signedUploads(t, open(t, url)) })
	t.Run("attacks", func(t *testing.T) { attacks(t, open(t, url)) })
}

// lend starts a server for the time of a test. It skips the test, aloud, where it
// is not installed, or fails it where FHIRDOCK_TEST_ALL is 1.
func lend(t *testing.T, start func(context.Context) (*objectstores.Storage, error)) *objectstores.Storage {
	t.Helper()
	s, err := start(t.Context())
	switch {
	case errors.Is(err, objectstores.ErrMissing) && os.Getenv("FHIRDOCK_TEST_ALL") != "1":
		t.Skipf("SKIPPED: %v", err)
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for name, value := range s.Env {
		t.Setenv(name, value)
	}
	t.Logf("on %s", s.Name)
	return s
}

// opened is a bucket as the programs open it.
type opened struct {
	*backends.Backends
	store *blobstore.Store
}

func open(t *testing.T, blob string) *opened {
	t.Helper()
	back, err := backends.Open(t.Context(), backends.Config{
		Data: filepath.Join(t.TempDir(), "data"), Base: &url.URL{Scheme: "http", Host: "localhost:1"}, Blob: blob,
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, back.Close(context.WithoutCancel(t.Context()))) })
	require.Nil(t, back.Signer, "the cloud takes uploads by itself")
	u, err := url.Parse(blob)
	require.NoError(t, err)
	require.Equal(t, u.Host, back.BucketName)
	require.Equal(t, u.Scheme == "s3", back.S3)
	return &opened{back, blobstore.New(back.Bucket, &blobstore.Options{Bucket: back.BucketName, Signer: back.Backends.Signer})}
}
