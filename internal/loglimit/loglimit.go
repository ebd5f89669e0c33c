// Package loglimit limits how many log lines clients can cause.
package loglimit

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// PerMinute is how many lines of a kind are logged at their own level each minute.
const PerMinute = 10

// Lines logs lines of one kind. The zero value is ready to use. It is safe for
// concurrent use.
type Lines struct {
	mu         sync.Mutex
	began      time.Time // start of the minute
	count      int       // lines in this minute
	suppressed int       // lines since the last one at its own level
}

// Log logs a line at its level, or at DEBUG if there were [PerMinute] lines in this minute.
// The next line at its own level has the number of these in the attribute suppressed.
func (l *Lines) Log(ctx context.Context, log *slog.Logger, level slog.Level, msg string, attrs ...slog.Attr) {
	full, suppressed := l.add(time.Now())
	if full {
		level = min(level, slog.LevelDebug)
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed", suppressed))
	}
	log.LogAttrs(ctx, level, msg, attrs...)
}

func (l *Lines) add(now time.Time) (full bool, suppressed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.began) >= time.Minute {
		l.began, l.count = now, 0
	}
	if l.count >= PerMinute {
		l.suppressed++
		return true, 0
	}
	l.count++
	suppressed, l.suppressed = l.suppressed, 0
	return false, suppressed
}
