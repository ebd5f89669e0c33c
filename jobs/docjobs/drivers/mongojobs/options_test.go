package mongojobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/mongojobs"
)

// Without it the store panicked at its first question.
func TestOpenNeedsWhatItStandsOn(t *testing.T) {
	_, err := mongojobs.Open(t.Context(), nil, nil)
	require.ErrorContains(t, err, "collection is needed")
}
