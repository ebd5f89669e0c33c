package sqljobs

import (
	"context"
	"fmt"
)

// Ready implements [jobs.Store]. On SQLite it takes and releases the write lock, and checks
// that the file is still the one that was opened and that the disk is not full. On
// PostgreSQL it runs a statement that changes nothing but fails on a read-only server.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.one.ready(ctx); err != nil {
		return fmt.Errorf("sqljobs: the database can't be written to: %w", err)
	}
	return nil
}

// touch changes nothing, but fails if the database is read-only.
const touch = "UPDATE fhirdock_jobs SET revision = revision WHERE id = ''"

func (l *sqlite) ready(ctx context.Context) error {
	if err := l.file.check(); err != nil {
		return err
	}
	// In a group with other writes: under load it would otherwise not get the lock in time.
	_, err := l.commit.exec(ctx, touch)
	return err
}

func (p *postgreSQL) ready(ctx context.Context) error {
	return p.session(ctx, func(ctx context.Context, q querier) error {
		_, err := q.ExecContext(ctx, touch)
		return err
	})
}
