//go:build !noaws && !nogcp && !noazure

package drivers_test

import (
	"testing"

	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/stretchr/testify/require"
)

func TestURLErrorsListParameters(t *testing.T) {
	for url, want := range map[string]string{
		"s3://bucket?regoin=s3cret":    `unknown parameter "regoin"; supported are accelerate, `,
		"s3://bucket/s3cret":           "s3://NAME",
		"gs://bucket?region=s3cret":    `unknown parameter "region"; supported are access_id, `,
		"azblob://c?key=s3cret":        `unknown parameter "key"; supported are cdn, `,
		"azblob://c?domain=a&domain=b": "more than once",
	} {
		_, err := backends.Open(t.Context(), backends.URLs{Blob: url}, options(t))
		require.ErrorContains(t, err, want, url)
		require.NotContains(t, err.Error(), "s3cret", url)
	}
}
