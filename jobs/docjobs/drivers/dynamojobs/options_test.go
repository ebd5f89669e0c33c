package dynamojobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/dynamojobs"
)

// A nil client must be an error, not a panic in the first query.
func TestOpenNeedsClient(t *testing.T) {
	_, err := dynamojobs.Open(t.Context(), nil, "table", nil)
	require.ErrorContains(t, err, "client is needed")
}
