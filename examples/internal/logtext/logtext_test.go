package logtext_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/examples/internal/logtext"
)

func TestErrors(t *testing.T) {
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	_, err := bucket.Attributes(t.Context(), "none.json")
	require.Contains(t, fmt.Sprintf("%+v", err), ".go:", "Go CDK no longer prints a stack: remove the package")

	for name, logged := range map[string]error{
		"as it is": err, "wrapped": fmt.Errorf("look: %w", err), "joined": errors.Join(errors.New("look"), err),
	} {
		var out bytes.Buffer
		opts := &slog.HandlerOptions{ReplaceAttr: logtext.Errors}
		slog.New(slog.NewTextHandler(&out, opts)).Error("failed", "error", logged, "n", 1, slog.Group("g", "error", logged))
		require.Contains(t, out.String(), fmt.Sprintf("error=%q n=1 g.error=%[1]q\n", logged.Error()), name)
		require.NotContains(t, out.String(), ".go:", name)

		out.Reset()
		slog.New(slog.NewJSONHandler(&out, opts)).Error("failed", "error", logged)
		require.NotContains(t, out.String(), ".go:", name)
		require.Contains(t, out.String(), "none.json", name)
	}
}
