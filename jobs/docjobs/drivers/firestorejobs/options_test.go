package firestorejobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/firestorejobs"
)

// Without it the store panicked at its first question.
func TestOpenNeedsWhatItStandsOn(t *testing.T) {
	_, err := firestorejobs.Open(t.Context(), nil, "projects/p/databases/d/documents/c", nil)
	require.ErrorContains(t, err, "client is needed")
}
