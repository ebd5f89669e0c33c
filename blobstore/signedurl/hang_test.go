package signedurl_test

import (
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

// A client whose upload is stored is told so, even where the bucket does not say
// what it stored.
func TestAStoredUploadIsAnsweredInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The first look is whether the object is there already.
		bucket := faulttest.Bucket(memblob.OpenBucket(nil), faulttest.NthCall(faulttest.BucketAttributes, 2, faulttest.Hang))
		signer, err := signedurl.NewSigner(&url.URL{Scheme: "http", Host: "localhost", Path: "/objects"}, secret, nil)
		require.NoError(t, err)
		signed, err := signer.SignUpload(t.Context(), "a.ndjson", blobstore.UploadPolicy{ContentType: "application/fhir+ndjson", CreateOnly: true})
		require.NoError(t, err)
		put := httptest.NewRequest(signed.Method, signed.URL, strings.NewReader("{}\n"))
		put.Header.Set("Content-Type", "application/fhir+ndjson")
		answer, began := httptest.NewRecorder(), time.Now()
		signedurl.NewHandler(bucket, signer, nil).ServeHTTP(answer, put)
		require.Equal(t, http.StatusOK, answer.Code)
		require.LessOrEqual(t, time.Since(began), 10*time.Second)
	})
}
