package sqljobs

import "context"

// postgreSQL gathers the calls of each kind separately, because calls that overlap may be
// made in any order.
type postgreSQL struct {
	session                   session
	creates, updates, deletes *bulk[int64]
	gets                      *bulk[*stored]
}

func newPostgreSQL(s session, q queries) *postgreSQL {
	return &postgreSQL{
		session: s,
		creates: newBulkWrite(s, q.create), updates: newBulkWrite(s, q.update), deletes: newBulkWrite(s, q.remove),
		gets: newBulkGet(s, q.get),
	}
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

func (p *postgreSQL) remove(ctx context.Context, args row) (int64, error) {
	return p.deletes.call(ctx, args)
}
