package webserver

import (
	"context"
	"log/slog"
	"strings"

	"github.com/fhirdock/fhirdock/blobstore/loglimit"
)

// serverLog receives net/http's log, for example that it can't accept more connections. It
// logs at WARN, with a rate limit, since clients can cause many of these lines.
type serverLog struct {
	log   *slog.Logger
	lines loglimit.Lines
}

func (s *serverLog) Write(line []byte) (int, error) {
	s.lines.Log(context.Background(), s.log, slog.LevelWarn, strings.TrimSpace(string(line)))
	return len(line), nil
}
