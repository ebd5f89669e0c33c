package samples_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/samples"
)

type bundle struct {
	Type  string
	Entry []map[string]json.RawMessage
}

func TestBundles(t *testing.T) {
	var types []string
	for _, s := range samples.Bundles(1) {
		var b bundle
		require.NoError(t, json.Unmarshal(s.Body, &b), s.Name)
		require.Equal(t, b.Type, strings.TrimSuffix(s.Name, ".json"))
		require.Empty(t, s.Refusal)
		require.Greater(t, len(b.Entry), 50)
		types = append(types, b.Type)
	}
	require.Equal(t, []string{"transaction", "batch", "collection", "message"}, types)
	require.Equal(t, samples.Bundles(1), samples.Bundles(1))
	require.NotEqual(t, samples.Bundles(1), samples.Bundles(2))
}

func TestInvalid(t *testing.T) {
	s := samples.Invalid(1)
	var b bundle
	require.NoError(t, json.Unmarshal(s.Body, &b))
	require.Contains(t, b.Entry[0], "resource")
	require.NotContains(t, b.Entry[1], "resource")
	require.Contains(t, s.Refusal, "Entry 1 ")
}

func TestNDJSON(t *testing.T) {
	f := samples.NDJSON(1, 1_000_000)
	require.GreaterOrEqual(t, f.Size, int64(1_000_000))
	for range 2 {
		raw, err := io.ReadAll(f.Open())
		require.NoError(t, err)
		require.EqualValues(t, f.Size, len(raw))
		require.EqualValues(t, f.Lines, bytes.Count(raw, []byte("\n")))
	}
}
