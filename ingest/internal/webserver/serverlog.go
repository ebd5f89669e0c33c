package webserver

import (
	"context"
	"log/slog"
	"strings"

	"github.com/fhirdock/fhirdock/internal/loglimit"
)

// serverLog logs what net/http reports, such as failed accepts, at WARN. The rate is
// limited, since clients can cause many of these lines.
type serverLog struct {
	log   *slog.Logger
	lines loglimit.Lines
}

func (s *serverLog) Write(line []byte) (int, error) {
	s.lines.Log(context.Background(), s.log, slog.LevelWarn, strings.TrimSpace(string(line)))
	return len(line), nil
}
