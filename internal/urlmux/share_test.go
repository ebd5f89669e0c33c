package urlmux_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/internal/urlmux"
)

func TestShare(t *testing.T) {
	opened, closed := 0, 0
	share := func(ctx context.Context, key string) (int, func() error) {
		value, release, err := urlmux.Share(ctx, key, func() (int, error) { opened++; return opened, nil }, func(int) error { closed++; return nil })
		require.NoError(t, err)
		return value, release
	}
	ctx := urlmux.Sharing(t.Context())
	first, releaseFirst := share(ctx, "a")
	second, releaseSecond := share(ctx, "a")
	require.Equal(t, first, second)
	other, releaseOther := share(ctx, "b")
	require.NotEqual(t, first, other)
	alone, releaseAlone := share(t.Context(), "a")
	require.NotEqual(t, first, alone, "outside of the context")
	require.Equal(t, 3, opened)

	require.NoError(t, releaseFirst())
	require.Zero(t, closed, "one still uses it")
	require.NoError(t, releaseSecond())
	require.NoError(t, releaseOther())
	require.NoError(t, releaseAlone())
	require.Equal(t, 3, closed)

	again, release := share(ctx, "a")
	require.Equal(t, 4, again, "what was closed is opened again")
	require.NoError(t, release())

	refused := errors.New("refused")
	_, _, err := urlmux.Share(ctx, "c", func() (int, error) { return 0, refused }, nil)
	require.ErrorIs(t, err, refused)
}
