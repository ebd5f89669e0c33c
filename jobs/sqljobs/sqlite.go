package sqljobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// SQLiteDSN returns the data source name of a database file for modernc.org/sqlite, with
// write-ahead log, synchronous=FULL, a busy timeout of 10 seconds and immediate
// transactions.
func SQLiteDSN(path string) string {
	q := url.Values{
		// The timeout comes first, because it applies to the change of the journal too.
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)"},
		"_txlock": {"immediate"},
	}
	return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + q.Encode()
}

// checkSQLite returns an error for settings that would lose acknowledged changes. They
// are settings of a connection, so the data source name must set them, as SQLiteDSN does.
// It checks two connections if the pool allows it, because settings made by hand on one
// are missing on the next.
func checkSQLite(ctx context.Context, db *sql.DB) error {
	conns := 2
	if db.Stats().MaxOpenConnections == 1 {
		conns = 1
	}
	for range conns {
		conn, err := db.Conn(ctx)
		if err != nil {
			return fmt.Errorf("sqljobs: open database: %w", err)
		}
		defer conn.Close()
		if err := checkConn(ctx, conn); err != nil {
			return err
		}
	}
	return nil
}

func checkConn(ctx context.Context, conn *sql.Conn) error {
	var journal string
	var synchronous int
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return fmt.Errorf("sqljobs: read journal_mode: %w", err)
	}
	if err := conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return fmt.Errorf("sqljobs: read synchronous: %w", err)
	}
	const full = 2
	if !strings.EqualFold(journal, "wal") || synchronous < full {
		return fmt.Errorf("sqljobs: the SQLite database has journal_mode=%s and synchronous=%d; it needs WAL and FULL (2): open it with SQLiteDSN", journal, synchronous)
	}
	return nil
}

// sqlite gathers writes. Reads don't wait for them.
type sqlite struct {
	db     *sql.DB
	q      queries
	file   sqliteFile
	commit *committer
}

func newSQLite(db *sql.DB, q queries, file sqliteFile) *sqlite {
	return &sqlite{db: db, q: q, file: file, commit: newCommitter(db)}
}

func (l *sqlite) create(ctx context.Context, args row) (int64, error) {
	return l.commit.exec(ctx, l.q.create, args...)
}

func (l *sqlite) update(ctx context.Context, args row) (int64, error) {
	return l.commit.exec(ctx, l.q.update, args...)
}

func (l *sqlite) remove(ctx context.Context, args row) (int64, error) {
	return l.commit.exec(ctx, l.q.remove, args...)
}

func (l *sqlite) get(ctx context.Context, id string) (*stored, error) {
	s := new(stored)
	err := l.db.QueryRowContext(ctx, l.q.get, id).Scan(s.columns()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return s, err
}
