package logtext

import (
	"errors"
	"log/slog"
	"strings"
)

// Levels lists the names that [ParseLevel] accepts, for a flag.
const Levels = "debug, info, warn or error"

var errLevel = errors.New("must be " + Levels)

// ParseLevel parses the name of a level in upper or lower case: slog's names, and Python's
// for settings taken over from the predecessor.
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
