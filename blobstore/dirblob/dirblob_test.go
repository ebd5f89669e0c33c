package dirblob

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/drivertest"

	"github.com/fhirdock/fhirdock/blobstore/signedurl"
)

type harness struct {
	dir    string
	server *httptest.Server
	signer *signedurl.Signer
	serve  http.Handler
}

func newHarness(_ context.Context, t *testing.T) (drivertest.Harness, error) {
	h := &harness{dir: t.TempDir()}
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.serve.ServeHTTP(w, r) }))
	base, err := url.Parse(h.server.URL + "/objects")
	if err != nil {
		return nil, err
	}
	h.signer, err = signedurl.NewSigner(base, make([]byte, signedurl.MinSecret), nil)
	if err != nil {
		return nil, err
	}
	bucket, err := OpenBucket(h.dir, nil)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = bucket.Close() })
	h.serve, err = signedurl.NewHandler(bucket, h.signer, nil)
	return h, err
}

func (h *harness) MakeDriver(context.Context) (driver.Bucket, error) {
	return open(h.dir, &Options{Signer: h.signer})
}

func (h *harness) MakeDriverForNonexistentBucket(context.Context) (driver.Bucket, error) {
	// OpenBucket returns an error for a missing folder, so remove it afterwards.
	dir := filepath.Join(h.dir, "none")
	b, err := open(dir, &Options{CreateDir: true})
	if err != nil {
		return nil, err
	}
	return b, os.RemoveAll(dir)
}

func (h *harness) HTTPClient() *http.Client         { return h.server.Client() }
func (h *harness) SupportsCopy() bool               { return true }
func (h *harness) SupportsNonSlashDelimiters() bool { return true }
func (h *harness) SkipDownloadAt() bool             { return false }
func (h *harness) Close()                           { h.server.Close() }

// TestConformance is gocloud.dev's own suite, in full.
func TestConformance(t *testing.T) {
	drivertest.RunConformanceTests(t, newHarness, nil)
}

func BenchmarkDriver(b *testing.B) {
	bucket, err := OpenBucket(b.TempDir(), nil)
	require.NoError(b, err)
	defer bucket.Close()
	drivertest.RunBenchmarks(b, bucket)
}

func TestOpenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	bucket, err := OpenBucket(filepath.Dir(file), nil)
	require.NoError(t, err)
	require.NoError(t, bucket.WriteAll(t.Context(), "file.x", nil, nil))
	for _, dir := range []string{filepath.Join(file, "none"), file + ".x", filepath.Join(t.TempDir(), "none")} {
		_, err := OpenBucket(dir, nil)
		require.ErrorContains(t, err, dir, "the error names the folder")
	}
	_, err = OpenBucket("", nil)
	require.ErrorContains(t, err, "path is empty", "an empty path is not the working directory")
	for _, u := range []string{"dir://", "dir://host/x", "dir:///tmp?nope=1", "dir:///tmp?create_dir=maybe", "dir:///tmp?base_url=http://h/",
		"dir:///tmp?%zz=1", "dir:///tmp?create_dir=true;nope=1", "dir:///tmp?create_dir=true&create_dir=false", "dir:///tmp#1",
		"dir:///tmp?create_dir=", "dir:///tmp?base_url=&secret_key_path=", "dir://user@./tmp"} {
		_, err := blob.OpenBucket(t.Context(), u)
		require.Error(t, err, u)
	}
}
