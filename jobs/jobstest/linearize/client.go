package linearize

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// client makes its calls sequentially.
type client struct {
	*history
	n     int
	rng   *rand.Rand
	known [keys]record // as last read
}

// act makes a call, or a read and an update. One call in five has a context that ends at
// about the time the call does.
func (c *client) act(ctx context.Context) {
	if c.rng.IntN(5) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.rng.Int64N(int64(2*c.opts.Latency))))
		defer cancel()
	}
	key := c.rng.IntN(keys)
	what := c.rng.IntN(20)
	if !c.opts.Snapshots {
		what %= 17
	}
	switch {
	case what < 4 || c.known[key].Revision == 0 && what < 8:
		c.create(ctx, key)
	case what < 8:
		c.get(ctx, key)
	case what < 12: // of the revision it read some time ago
		c.update(ctx, key)
	case what < 17:
		c.get(ctx, key)
		c.update(ctx, key)
	case what < 19:
		c.due(ctx)
	default:
		c.list(ctx)
	}
}

func (c *client) token() int { return int(c.tokens.Add(1)) }

func (c *client) create(ctx context.Context, key int) {
	token := c.token()
	out := c.do(c.n, input{method: create, key: key, record: record{Token: token}}, func() (output, error) {
		return output{}, c.store.Create(ctx, c.job(key, token, 0))
	})
	if !out.unknown && !out.exists {
		c.known[key] = record{Revision: 1, Token: token}
	}
}

func (c *client) get(ctx context.Context, key int) {
	out := c.do(c.n, input{method: get, key: key}, func() (output, error) {
		job, err := c.store.Get(ctx, c.ids[key])
		if err != nil {
			return output{}, err
		}
		return output{record: c.record(key, job)}, nil
	})
	if !out.unknown {
		c.known[key] = out.record
	}
}

// update changes a job that the client has read.
func (c *client) update(ctx context.Context, key int) {
	was := c.known[key]
	if was.Revision == 0 {
		return
	}
	token := c.token()
	out := c.do(c.n, input{method: update, key: key, record: record{Revision: was.Revision, Token: token}}, func() (output, error) {
		job := c.job(key, token, was.Revision)
		err := c.store.Update(ctx, job)
		if err == nil && job.Revision != was.Revision+1 {
			c.strange(errors.New("an update did not increment the revision"))
		}
		return output{}, err
	})
	if !out.unknown && !out.conflict && !out.notFound {
		c.known[key] = record{Revision: was.Revision + 1, Token: token}
	}
}

// due asks for all jobs that will ever be due. Those of other histories are ignored.
func (c *client) due(ctx context.Context) {
	c.do(c.n, input{method: due}, func() (output, error) {
		all, err := c.store.Due(ctx, noon.Add(time.Hour), 1_000_000)
		return output{found: c.found(all)}, err
	})
}

func (c *client) list(ctx context.Context) {
	c.do(c.n, input{method: list}, func() (output, error) {
		page, err := c.store.List(ctx, jobs.Query{OrganizationID: c.org})
		if err != nil {
			return output{}, err
		}
		return output{found: c.found(page.Jobs)}, nil
	})
}
