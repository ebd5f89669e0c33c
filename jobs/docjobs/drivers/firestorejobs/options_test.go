package firestorejobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/firestorejobs"
)

// A nil client must be an error, not a panic in the first query.
func TestOpenNeedsClient(t *testing.T) {
	_, err := firestorejobs.Open(t.Context(), nil, "projects/p/databases/d/documents/c", nil)
	require.ErrorContains(t, err, "client is needed")
}
