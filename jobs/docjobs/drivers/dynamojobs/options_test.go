package dynamojobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/dynamojobs"
)

// Without it the store panicked at its first question.
func TestOpenNeedsWhatItStandsOn(t *testing.T) {
	_, err := dynamojobs.Open(t.Context(), nil, "table", nil)
	require.ErrorContains(t, err, "client is needed")
}
