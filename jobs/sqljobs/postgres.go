package sqljobs

import (
	"context"
	"database/sql"
)

// postgreSQL gathers the calls of each kind. Those of different kinds do not wait
// for each other: what is done in two calls that overlap may be done in any order.
type postgreSQL struct {
	creates, updates *bulk[int64]
	gets             *bulk[*stored]
}

func newPostgreSQL(db *sql.DB, q queries) *postgreSQL {
	return &postgreSQL{creates: newBulkWrite(db, q.create), updates: newBulkWrite(db, q.update), gets: newBulkGet(db, q.get)}
}

func (p *postgreSQL) create(ctx context.Context, args row) (int64, error) {
	return p.creates.call(ctx, args)
}

func (p *postgreSQL) update(ctx context.Context, args row) (int64, error) {
	return p.updates.call(ctx, args)
}

func (p *postgreSQL) get(ctx context.Context, id string) (*stored, error) {
	return p.gets.call(ctx, row{id})
}
