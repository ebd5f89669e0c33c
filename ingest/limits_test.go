package ingest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
)

// The reading limits are the service's options, and the limit of a string defaults to that
// of an entry.
func TestLimitsOfReading(t *testing.T) {
	text := func(n int) string { return `"text":{"div":"` + strings.Repeat("x", n) + `"}` }
	deep := func(n int) string {
		return `"extension":` + strings.Repeat(`[{"url":"u","extension":`, n) + `[]` + strings.Repeat(`}]`, n)
	}
	const larger = 33 << 20
	for name, c := range map[string]struct {
		opts ingest.Options
		body string
		code string
	}{
		"a string of an entry's size":    {ingest.Options{MaxBodyBytes: 100 << 20}, text(larger), ""},
		"a string above its own limit":   {ingest.Options{MaxStringBytes: 100}, text(101), "json-string"},
		"a string within its own limit":  {ingest.Options{MaxStringBytes: 100}, text(90), ""},
		"a string above a smaller entry": {ingest.Options{MaxEntryBytes: 1000}, text(1001), "json-"},
		"too deep":                       {ingest.Options{MaxDepth: 20}, deep(10), "json-depth"},
		"not too deep":                   {ingest.Options{MaxDepth: 40}, deep(10), ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Service: c.opts})
			body := `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient",` + c.body + `}}]}`
			_, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(body)})
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			refused, ok := errors.AsType[*ingest.Error](err)
			require.True(t, ok, "%v", err)
			require.ErrorIs(t, err, ingest.ErrInvalid)
			require.Contains(t, refused.Issues[0].Code, c.code)
		})
	}
}
