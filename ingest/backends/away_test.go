package backends

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
)

// refusing is a bucket's driver that can't list objects.
type refusing struct {
	driver.Bucket
	err error
}

func (r refusing) ListPaged(context.Context, *driver.ListOptions) (*driver.ListPage, error) {
	return nil, r.err
}

func (r refusing) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", r.err
}

func (r refusing) ErrorCode(err error) gcerrors.ErrorCode {
	if errors.Is(err, fs.ErrNotExist) {
		return gcerrors.NotFound
	}
	return gcerrors.Unknown
}

func (refusing) ErrorAs(error, any) bool { return false }
func (refusing) As(any) bool             { return false }
func (refusing) Close() error            { return nil }

// opener opens one bucket.
type opener struct{ bucket *blob.Bucket }

func (o opener) OpenStoreURL(_ context.Context, _ string, opts *blobstore.Options) (*blobstore.Store, error) {
	return blobstore.New(o.bucket, opts)
}

// A bucket that can't be reached at the start is in the log, without a URL's credentials and
// parameters. It may be reached later, so it is no error.
func TestABucketThatIsAwayIsLogged(t *testing.T) {
	away := &url.Error{Op: "Get", URL: "https://user:s3cret@s3cret@[::1]:1/bucket?sig=s3cret&se=s3cret#s3cret", Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		bucket *blob.Bucket
		want   string
	}{
		"away":    {blob.NewBucket(refusing{err: fmt.Errorf("list: %w", away)}), `list: Get \"https://[::1]:1/bucket\": connection refused`},
		"missing": {blob.NewBucket(refusing{err: fs.ErrNotExist}), "it does not exist"},
		"hanging": {faulttest.Bucket(memblob.OpenBucket(nil), func(_ context.Context, c faulttest.Call) faulttest.Fault {
			if c.Kind == faulttest.BucketList {
				return faulttest.Hang
			}
			return faulttest.None
		}), context.DeadlineExceeded.Error()},
		"there": {memblob.OpenBucket(nil), ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var logs bytes.Buffer
				o := (&Options{Blobs: blobstore.NewURLMux(), Logger: slog.New(slog.NewTextHandler(&logs, nil))}).withDefaults()
				o.Blobs.Register("fake", opener{c.bucket})
				b, began := &Backends{log: o.Logger}, time.Now()
				require.NoError(t, b.openStore(t.Context(), "fake://user:s3cret@bucket?key=s3cret", o))
				require.LessOrEqual(t, time.Since(began), accessTimeout)
				require.NoError(t, b.Close(t.Context()))
				require.NotContains(t, logs.String(), "s3cret")
				if c.want == "" {
					require.Empty(t, logs.String())
					return
				}
				require.Contains(t, logs.String(), `level=WARN msg="the bucket can't be reached; requests are refused until it can be" error=`)
				require.Contains(t, logs.String(), c.want)
			})
		})
	}
}
