package httpapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
)

// What can't work is told at the start, not by a 500 to each request.
func TestNewNeedsItsParts(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	tokens, err := auth.ParseTokens("t=o")
	require.NoError(t, err)
	require.Panics(t, func() { httpapi.New(p.Service, nil, nil) })
	require.Panics(t, func() { httpapi.New(nil, tokens, nil) })
	require.NotPanics(t, func() { httpapi.New(p.Service, tokens, nil) })
}
