package fhirbundle

import (
	"bytes"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Whoever reads at the same time, with the same options, finds the same. It is what
// the race detector is for.
func TestConcurrent(t *testing.T) {
	opts := &Options{Level: LevelStrict, Severities: map[string]Severity{"bdl-7": SeverityWarning}, Types: []string{"transaction", "batch", "message"}}
	docs := resetDocs(t)
	want, notJSON := make([]*Report, len(docs)), make([]error, len(docs))
	for i, doc := range docs {
		want[i], notJSON[i] = must(ValidateBytes(doc, opts)), CheckJSON(doc, opts)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := range docs {
				i := (n + g) % len(docs) // the same one at some times, and others at others
				assert.Equal(t, want[i], must(ValidateBytes(docs[i], opts)))
				got, err := Validate(bytes.NewReader(docs[i]), opts)
				assert.NoError(t, err)
				assert.Equal(t, want[i], got)
				assert.Equal(t, notJSON[i], CheckJSON(docs[i], opts))
			}
		})
	}
	wg.Wait()
}
