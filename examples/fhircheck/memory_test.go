package main

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

// Neither the compressed file nor its content nor its lines are held in memory: all
// allocations together are a fraction of the content.
func TestMemory(t *testing.T) {
	var lines strings.Builder
	_, err := fhirgen.New(nil).WriteNDJSON(&lines, 4<<20)
	require.NoError(t, err)
	const members = 16
	// A finding at the end makes the second pass count all columns.
	content := strings.Repeat(zipped(t, lines.String()), members) + zipped(t, `{"resourceType":"Patient","x":null}`+"\n")
	folder(t, map[string]string{"large.ndjson.gz": content})

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	code, out, _ := checked("", "-severity", "ndjson-duplicate=none", "large.ndjson.gz")
	runtime.ReadMemStats(&after)
	require.Zero(t, code)
	require.Contains(t, out, ":31: warning fhir-json-null")
	allocated := after.TotalAlloc - before.TotalAlloc
	require.Less(t, allocated, uint64(members*lines.Len()/10))
	t.Logf("%d kB allocated for %d kB", allocated/1e3, members*lines.Len()/1e3)
}
