package mongojobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/mongojobs"
)

// A nil collection must be an error, not a panic in the first query.
func TestOpenNeedsCollection(t *testing.T) {
	_, err := mongojobs.Open(t.Context(), nil, nil)
	require.ErrorContains(t, err, "collection is needed")
}
