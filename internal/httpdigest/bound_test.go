package httpdigest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A header of many digests must not make the server hash the body with each of them.
func TestBodyIsHashedOncePerAlgorithm(t *testing.T) {
	digest := "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
	d, err := Parse(http.Header{"Content-Digest": {strings.Repeat(digest+",", 5000) + digest}})
	require.NoError(t, err)
	require.Len(t, d.declared, 1)
}
