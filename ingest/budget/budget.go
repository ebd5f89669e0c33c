package budget

import (
	"context"
	"io"
	"sync"
	"time"
)

// Request describes what a request needs.
type Request struct {
	// Organization is the sender. Empty means not known yet: the request counts as
	// unauthenticated.
	Organization string
	// Bytes is the size of its body. Default: 0.
	Bytes int64
	// Put: the body is a file that is streamed to a bucket. It counts for Options.Puts
	// instead of Requests and Bytes.
	Put bool
	// Webhook: the sender is not known until the signature of the body has been verified.
	// Organization must be empty.
	Webhook bool
	// List: the request is for a page of jobs.
	List bool
}

// Budget limits what requests use together. It is safe for concurrent use, and several
// handlers may share it.
type Budget struct {
	opts  Options
	turns *turns

	mu                               sync.Mutex
	rates                            *rates
	requests, bytes, lists, unproven *pool
	webhooks, puts                   *pool
}

// New returns a Budget. Invalid options are an error.
func New(opts *Options) (*Budget, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Budget{
		opts: o, turns: newTurns(&o), rates: newRates(o.Rate, o.Burst),
		requests: newPool(ReasonRequests, "concurrent-requests", int64(o.Requests), int64(o.RequestsPerOrganization)),
		bytes:    newPool(ReasonBytes, "content-bytes", o.Bytes, o.BytesPerOrganization),
		lists:    newPool(ReasonLists, "concurrent-requests", int64(o.Lists), int64(o.ListsPerOrganization)),
		unproven: newPool(ReasonUnauthenticated, "", int64(o.Unauthenticated), int64(o.Unauthenticated)),
		webhooks: newPool(ReasonWebhooks, "", int64(o.Webhooks), int64(o.Webhooks)),
		puts:     newPool(ReasonPuts, "concurrent-requests", int64(o.Puts), int64(o.PutsPerOrganization)),
	}, nil
}

// Admit admits a request, or refuses it with a [*Refusal]. It does not wait. Call
// [Place.Release] when the request has ended.
func (b *Budget) Admit(r Request) (*Place, error) {
	p := &Place{budget: b, organization: r.Organization, webhook: r.Webhook, put: r.Put}
	if !r.Put {
		p.bytes = b.bytes.charge(max(0, r.Bytes))
	}
	if r.List {
		p.lists = 1
	}
	if refused := b.admit(p); refused != nil {
		b.opts.Observe(refused)
		return nil, refused
	}
	if refused := p.reserve(r.Bytes); refused != nil {
		p.Release()
		b.opts.Observe(refused)
		return nil, refused
	}
	return p, nil
}

func (b *Budget) admit(p *Place) *Refusal {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.organization != "" {
		if wait := b.rates.take(p.organization, time.Now()); wait > 0 {
			return &Refusal{
				Reason: ReasonRate, Organization: true, RetryAfter: after(wait),
				quota: int64(b.opts.Burst), window: time.Duration(float64(b.opts.Burst) / b.opts.Rate * float64(time.Second)),
			}
		}
	}
	for pool, n := range p.takes() {
		if refused := pool.refuse(p.organization, n); refused != nil {
			return refused
		}
	}
	for pool, n := range p.takes() {
		pool.take(p.organization, n)
	}
	return nil
}

// refuse returns nil if an organization can take n more.
func (p *pool) refuse(organization string, n int64) *Refusal {
	v := p.fits(organization, n)
	if v == fits {
		return nil
	}
	return &Refusal{
		Reason: p.reason, Organization: v == overShare && organization != "", RetryAfter: after(retrySoon),
		quota: p.share(), left: p.left(organization), unit: p.unit,
	}
}

// Usage is how much of a Budget is in use.
type Usage struct {
	Requests, Unauthenticated, Webhooks, Lists, Puts int64
	Bytes                                            int64
	Waiting                                          int // requests waiting for their turn
}

// Usage returns the current usage.
func (b *Budget) Usage() Usage {
	b.turns.mu.Lock()
	waiting := b.turns.count
	b.turns.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	return Usage{Requests: b.requests.used, Unauthenticated: b.unproven.used, Webhooks: b.webhooks.used, Lists: b.lists.used, Puts: b.puts.used, Bytes: b.bytes.used, Waiting: waiting}
}

// Place is the place of an admitted request in the budget. It is not safe for concurrent
// use. Leave and Release do nothing on a nil Place.
type Place struct {
	budget       *Budget
	organization string
	webhook      bool
	put          bool
	bytes, lists int64
	space        []io.WriteCloser
	reserved     int64 // bytes of space
	working      bool
	began        time.Time // start of working
}

// reserve reserves space for a body of the given size.
func (p *Place) reserve(bytes int64) *Refusal {
	space := p.budget.opts.Space
	if space == nil || bytes <= p.reserved {
		return nil
	}
	r, err := space.Reserve(bytes - p.reserved)
	if err != nil {
		return &Refusal{Reason: ReasonSpace, RetryAfter: after(retrySpace), Err: err}
	}
	p.space, p.reserved = append(p.space, r), bytes
	return nil
}

// takes yields how much the place takes from each pool.
func (p *Place) takes() func(func(*pool, int64) bool) {
	b := p.budget
	return func(yield func(*pool, int64) bool) {
		requests := b.requests
		switch {
		case p.put:
			requests = b.puts
		case p.organization != "":
		case p.webhook:
			requests = b.webhooks
		default:
			requests = b.unproven
		}
		_ = yield(requests, 1) && yield(b.bytes, p.bytes) && yield(b.lists, p.lists)
	}
}

// Grow enlarges the place for a body of the given size. It does not wait. The error is a
// [*Refusal].
func (p *Place) Grow(bytes int64) error {
	b := p.budget
	b.mu.Lock()
	more := max(0, b.bytes.charge(bytes)-p.bytes)
	var refused *Refusal
	if b.bytes.used > p.bytes { // a request that is alone may use everything
		refused = b.bytes.refuse(p.organization, more)
	}
	if refused == nil {
		b.bytes.take(p.organization, more)
		p.bytes += more
	}
	b.mu.Unlock()
	if refused == nil {
		refused = p.reserve(bytes)
	}
	if refused != nil {
		b.opts.Observe(refused)
		return refused
	}
	return nil
}

// Enter waits for the request's turn, which [Place.Leave] ends. It returns a [*Refusal] if
// the first turn does not come within Options.MaxWait, and ctx's error if ctx ends first.
// For later turns, and for all turns of a Put, it waits until ctx ends, because the body
// received so far would be lost.
func (p *Place) Enter(ctx context.Context) error {
	if p.working {
		return nil
	}
	b, first := p.budget, p.began.IsZero() && !p.put
	if p.working = b.turns.enter(ctx, p.organization, first, b.opts.MaxWait); p.working {
		p.began = time.Now()
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	refused := &Refusal{Reason: ReasonTurn, RetryAfter: after(b.opts.MaxWait)}
	b.opts.Observe(refused)
	return refused
}

// Leave ends the request's turn, if it has one. Call it before waiting for the client and
// before writing the answer.
func (p *Place) Leave() {
	if p != nil && p.working {
		p.working = false
		p.budget.turns.leave(p.organization, time.Since(p.began))
	}
}

// Write tells the Space that bytes of the body were written, so that they no longer count
// as reserved.
func (p *Place) Write(b []byte) (int, error) {
	if n := len(p.space); n > 0 {
		return p.space[n-1].Write(b)
	}
	return len(b), nil
}

// Release ends the turn and frees the place. Call it once.
func (p *Place) Release() {
	if p == nil {
		return
	}
	p.Leave()
	for _, r := range p.space {
		_ = r.Close() // only frees the reservation
	}
	p.budget.mu.Lock()
	defer p.budget.mu.Unlock()
	for pool, n := range p.takes() {
		pool.take(p.organization, -n)
	}
}
