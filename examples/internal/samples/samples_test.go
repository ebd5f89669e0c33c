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

func body(t *testing.T, p samples.Payload) []byte {
	t.Helper()
	r, err := p.Open()
	require.NoError(t, err)
	raw, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.EqualValues(t, p.Size, len(raw), p.Name)
	return raw
}

func TestAll(t *testing.T) {
	all, other := samples.All(1, 100_000), samples.All(2, 100_000)
	var names []string
	for i, p := range all {
		names = append(names, p.Name)
		raw := body(t, p)
		require.Equal(t, raw, body(t, p))
		require.NotEqual(t, raw, body(t, other[i]))
		if p.ContentType == samples.TypeNDJSON {
			continue
		}
		var b struct {
			Type  string
			Entry []map[string]json.RawMessage
		}
		require.NoError(t, json.Unmarshal(raw, &b), p.Name)
		if p.Refusal != "" {
			require.Contains(t, b.Entry[0], "resource")
			require.NotContains(t, b.Entry[1], "resource")
			require.Contains(t, p.Refusal, "Entry 1 ")
			continue
		}
		require.Equal(t, b.Type, strings.TrimSuffix(p.Name, ".json"))
		require.Greater(t, len(b.Entry), 50)
	}
	require.Equal(t, []string{"transaction.json", "batch.json", "collection.json", "message.json", "invalid.json", "patients.ndjson"}, names)
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
