package logtext

import (
	"errors"
	"log/slog"
	"strings"
)

// Levels says for a flag which names [ParseLevel] takes.
const Levels = "debug, info, warn or error"

var errLevel = errors.New("must be " + Levels)

// ParseLevel reads the name of a level in upper or lower case: slog's, and those of
// Python, which settings that are taken over may have.
func ParseLevel(name string) (slog.Level, error) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "debug", "notset":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "error", "critical", "fatal":
		return slog.LevelError, nil
	}
	return 0, errLevel
}
