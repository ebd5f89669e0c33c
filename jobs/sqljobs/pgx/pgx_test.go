package pgx_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
	_ "github.com/fhirdock/fhirdock/jobs/sqljobs/pgx"
)

// Importing the package registers both schemes, and no error quotes a URL, which may have a
// password. Package drivers of the examples opens a store on a real server.
func TestErrorsDoNotQuoteTheURL(t *testing.T) {
	for urlstr, want := range map[string]string{
		"postgres://user:s3cret@host:port/db":                                 "the URL must be postgres://",
		"postgresql://host/db?password=s3cret&sslmode=s3cret":                 "the URL must be postgres://",
		"postgres://user:s3cret@127.0.0.1:1/db?connect_timeout=1":             "pgx: open store: ",
		"postgresql://user:s3cret@127.0.0.1:1,127.0.0.1:2/db?sslmode=disable": "pgx: open store: ",
	} {
		_, err := jobs.Open(t.Context(), urlstr, nil)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "s3cret")
	}
}
