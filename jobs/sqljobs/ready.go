package sqljobs

import (
	"context"
	"fmt"
)

// Ready implements [jobs.Store]. On SQLite it takes the write lock and gives it back,
// and sees whether the file is still the one that was opened and whether its folder
// has room; it returns when ctx ends, whoever holds the lock. On PostgreSQL it runs a
// statement that changes nothing and that a read-only server refuses.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.one.ready(ctx); err != nil {
		return fmt.Errorf("sqljobs: the database can't be written to: %w", err)
	}
	return nil
}

// touch changes nothing, but only where something could be changed.
const touch = "UPDATE fhirdock_jobs SET revision = revision WHERE id = ''"

func (l *sqlite) ready(ctx context.Context) error {
	if err := l.file.check(); err != nil {
		return err
	}
	// With the other writes, and not in competition with them: under load they would
	// keep the lock from it for longer than its caller waits.
	_, err := l.commit.exec(ctx, touch)
	return err
}

func (p *postgreSQL) ready(ctx context.Context) error {
	return p.session(ctx, func(ctx context.Context, q querier) error {
		_, err := q.ExecContext(ctx, touch)
		return err
	})
}
