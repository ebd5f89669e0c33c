package signedurl_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
)

// A client gets an answer in time after its upload, even if the bucket hangs then.
func TestUploadIsAnsweredInTime(t *testing.T) {
	for name, c := range map[string]struct {
		write  faulttest.Fault
		status int
	}{
		"stored":                     {faulttest.None, http.StatusOK},
		"stored, and uploaded again": {faulttest.Double, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// The first call checks whether the object exists.
				attributes := faulttest.NthCall(faulttest.BucketAttributes, 2, faulttest.Hang)
				write := faulttest.NthCall(faulttest.BucketWrite, 1, c.write)
				bucket := faulttest.Bucket(memblob.OpenBucket(nil), func(ctx context.Context, call faulttest.Call) faulttest.Fault {
					return max(attributes(ctx, call), write(ctx, call))
				})
				signer, err := signedurl.NewSigner(&url.URL{Scheme: "http", Host: "localhost", Path: "/objects"}, secret, nil)
				require.NoError(t, err)
				signed, err := signer.SignUpload(t.Context(), "a.ndjson", blobstore.UploadPolicy{ContentType: "application/fhir+ndjson", CreateOnly: true})
				require.NoError(t, err)
				put := httptest.NewRequest(signed.Method, signed.URL, strings.NewReader("{}\n"))
				put.Header.Set("Content-Type", "application/fhir+ndjson")
				answer, began := httptest.NewRecorder(), time.Now()
				must(signedurl.NewHandler(bucket, signer, &signedurl.HandlerOptions{Logger: slog.New(slog.DiscardHandler)})).ServeHTTP(answer, put)
				require.Equal(t, c.status, answer.Code)
				require.Equal(t, 10*time.Second, time.Since(began))
			})
		})
	}
}
