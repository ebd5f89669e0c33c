package logtext_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/logtext"
)

func TestParseLevel(t *testing.T) {
	for name, want := range map[string]slog.Level{
		"debug": slog.LevelDebug, "INFO": slog.LevelInfo, "warn": slog.LevelWarn, "Error": slog.LevelError,
		"NOTSET": slog.LevelDebug, "DEBUG": slog.LevelDebug, "WARNING": slog.LevelWarn, "ERROR": slog.LevelError,
		"CRITICAL": slog.LevelError, "FATAL": slog.LevelError,
	} {
		got, err := logtext.ParseLevel(name)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
	for _, name := range []string{"", "loud", "10"} {
		_, err := logtext.ParseLevel(name)
		require.EqualError(t, err, "must be debug, info, warn or error")
	}
}
