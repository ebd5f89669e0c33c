package ingest

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// Bounds of how often the store is asked which jobs wait, and of how many are
// known at a time.
const (
	turnsEvery         = 50 * time.Millisecond
	turnsClaims        = 64 // or as soon as there were so many claims
	turnsOrganizations = 64
	turnsJobs          = 128
	maxShares          = 4096
	// turnsSlack is how many claims an organization may be behind another whose
	// wake-ups come before it is served out of turn. Where the wake-ups of all
	// come mixed, each is claimed for its own job, and workers do not race for the
	// same heads; one whose wake-ups do not come at all is served at once.
	turnsSlack = 8
	// maxDetours is how many jobs of others are worked on before the one that a
	// wake-up names, which bounds how long its message is held.
	maxDetours = 16
)

// turns shares a worker's claims between organizations: stride scheduling over
// those whose jobs wait in the store. What it remembers is bounded, and is a hint:
// a job that it offers may have been claimed by somebody else.
type turns struct {
	heads    jobs.Scheduler
	standing jobs.Standing
	ordered  bool
	weight   func(organizationID string) int
	now      func() time.Time
	log      *slog.Logger

	mu      sync.Mutex
	asking  bool
	failing bool
	asked   time.Time
	claims  int     // since then
	after   string  // the organization that the next page begins behind
	each    int     // jobs of each organization in the next page
	latest  float64 // the most that one of them had
	shares  map[string]*share
	page    []*share // those with jobs that wait, as far as they are known
}

// share is what an organization had.
type share struct {
	organization string
	served       float64 // claims, each divided by its weight
	waiting      []*jobs.Job
}

func newTurns(heads jobs.Scheduler, o *order, weight func(string) int, s *Service) *turns {
	t := &turns{heads: heads, standing: jobs.Waiting, each: 2, weight: weight, now: s.now, log: s.opts.Logger, shares: make(map[string]*share)}
	if o != nil { // of each organization only the oldest may be worked on
		t.standing, t.ordered, t.each = o.standing, true, 1
	}
	return t
}

// next returns a job of the organization whose turn it is before another one,
// whose wake-up came; nil if it is that one's own turn.
func (t *turns) next(ctx context.Context, organization string) *jobs.Job {
	t.refresh(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.share(organization).served
	var first *share
	for _, s := range t.page {
		if s.organization != organization && len(s.waiting) > 0 && s.served+turnsSlack <= own && (first == nil || s.served < first.served) {
			first = s
		}
	}
	if first == nil {
		return nil
	}
	// Not the oldest each time, which the other workers would take too.
	at, last := rand.IntN(len(first.waiting)), len(first.waiting)-1
	job := first.waiting[at]
	first.waiting[at] = first.waiting[last]
	first.waiting = first.waiting[:last]
	return job
}

// claimed counts a claim.
func (t *turns) claimed(organization string) {
	weight := 1
	if t.weight != nil {
		weight = max(1, t.weight(organization))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.share(organization)
	s.served += 1 / float64(weight)
	t.latest = max(t.latest, s.served)
	t.claims++
}

// share returns an organization's share. One that comes new is served at once, and
// not more than that is owed to one that did not ask.
func (t *turns) share(organization string) *share {
	s := t.shares[organization]
	if s == nil {
		s = &share{organization: organization, served: t.latest - turnsSlack}
		t.shares[organization] = s
	}
	s.served = max(s.served, t.latest-2*turnsSlack)
	return s
}

// refresh reads the next page of organizations that wait, if it is time. Only one
// of those who come asks; the others go by what is known.
func (t *turns) refresh(ctx context.Context) {
	t.mu.Lock()
	if t.asking || t.claims < turnsClaims && time.Since(t.asked) < turnsEvery {
		t.mu.Unlock()
		return
	}
	t.asking, t.asked, t.claims = true, time.Now(), 0
	q := jobs.HeadsQuery{Standing: t.standing, After: t.after, Organizations: turnsOrganizations, PerOrganization: t.each}
	t.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	heads, err := t.heads.Heads(ctx, q)

	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asking = false; err != nil && !t.failing {
		t.log.WarnContext(ctx, "waiting jobs not read; wake-ups are followed as they come", "error", err)
	}
	t.failing = err != nil
	t.turn(heads)
}

// turn makes the page of what was read.
func (t *turns) turn(heads []*jobs.Job) {
	for _, s := range t.page {
		s.waiting = nil
	}
	clear(t.page)
	t.page, t.after = t.page[:0], ""
	t.forget()
	now := t.now()
	for _, job := range heads {
		if len(t.page) == 0 || t.page[len(t.page)-1].organization != job.OrganizationID {
			t.page = append(t.page, t.share(job.OrganizationID))
		}
		if job.State == jobs.Accepted && !job.NotBefore.After(now) {
			s := t.page[len(t.page)-1]
			s.waiting = append(s.waiting, job)
		}
	}
	if len(t.page) >= turnsOrganizations {
		t.after = t.page[len(t.page)-1].organization
	}
	t.each = 1
	if !t.ordered {
		t.each = min(max(turnsJobs/max(len(t.page), 1), 2), 32)
	}
}

// forget drops the shares of those who had nothing for long, or all where there
// are too many: then nobody is behind.
func (t *turns) forget() {
	for organization, s := range t.shares {
		if s.served <= t.latest-2*turnsSlack || len(t.shares) > maxShares {
			delete(t.shares, organization)
		}
	}
}
