//go:build noaws && nogcp && noazure

package backends

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// go test -tags noaws,nogcp,noazure,nokafka,nomongo ./internal/backends -run LeftOut
func TestLeftOutDriversAreNamed(t *testing.T) {
	for url, want := range map[string]string{
		"s3://bucket":  "blobstore/cloud/s3upload",
		"gs://bucket":  "blobstore/cloud/gcsupload",
		"azblob://box": "blobstore/cloud/azureupload",
	} {
		c := config(t)
		c.Blob = url
		_, err := Open(t.Context(), c)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "built with the tag no")
	}
}
