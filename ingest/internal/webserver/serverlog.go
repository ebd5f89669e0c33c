package webserver

import (
	"context"
	"log/slog"
	"strings"

	"github.com/fhirdock/fhirdock/blobstore/loglimit"
)

// serverLog is where net/http logs, such as that it can accept no more connections.
// It logs at WARN, and is limited, since clients cause many of these lines.
type serverLog struct {
	log   *slog.Logger
	lines loglimit.Lines
}

func (s *serverLog) Write(line []byte) (int, error) {
	s.lines.Log(context.Background(), s.log, slog.LevelWarn, strings.TrimSpace(string(line)))
	return len(line), nil
}
