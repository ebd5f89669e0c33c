package loglimit_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/internal/loglimit"
)

func TestLinesAboveTheLimitAreLoggedAtDebug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs bytes.Buffer
		log := slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
		var lines loglimit.Lines
		for range 1000 {
			lines.Log(t.Context(), log, slog.LevelWarn, "refused")
		}
		require.Equal(t, loglimit.PerMinute, strings.Count(logs.String(), "level=WARN"))
		require.Equal(t, 1000-loglimit.PerMinute, strings.Count(logs.String(), "level=DEBUG"))
		time.Sleep(time.Minute)
		lines.Log(t.Context(), log, slog.LevelWarn, "refused", slog.String("code", "x"))
		require.Contains(t, logs.String(), "level=WARN msg=refused code=x suppressed=990")
		lines.Log(t.Context(), log, slog.LevelWarn, "again")
		require.Contains(t, logs.String(), "level=WARN msg=again\n")
	})
}
