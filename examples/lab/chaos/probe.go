//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Limits, multiplied by -patience.
const (
	answersWithin = 3 * time.Second
	backWithin    = 5 * time.Second
)

// probe sends requests to each accepting gateway several times a second.
type probe struct {
	ledger   *ledger
	patience time.Duration
	once     sync.Once
	stopped  chan struct{}
	running  sync.WaitGroup
	faults   []faultRun

	mu    sync.Mutex
	posts []asked // since the last fault
	ready []asked
}

// asked is a request and its response.
type asked struct {
	sent   time.Time
	took   time.Duration
	status int
}

func startProbe(l *ledger, bases []string, r *rand.Rand, patience int) *probe {
	p := &probe{ledger: l, patience: time.Duration(patience), stopped: make(chan struct{})}
	for i, base := range bases {
		r := rand.New(rand.NewPCG(r.Uint64(), 0))
		// Slow responses must not make requests rare.
		for j := range 4 {
			r := rand.New(rand.NewPCG(r.Uint64(), uint64(j)))
			p.every(200*time.Millisecond, func(c *client, n int) { p.post(c, base, newBundle(r, fmt.Sprintf("p%dx%dx%d", i, j, n))) })
		}
		p.every(200*time.Millisecond, func(c *client, _ int) {
			p.keep(&p.ready, time.Now(), c.send(http.MethodGet, base+"/readyz", nil, nil))
		})
	}
	return p
}

func (p *probe) every(pause time.Duration, ask func(c *client, n int)) {
	c := newClient(true)
	p.running.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-p.stopped:
				return
			case <-time.After(pause):
			}
			ask(c, n)
		}
	})
}

func (p *probe) stop() {
	p.once.Do(func() { close(p.stopped) })
	p.running.Wait()
}

// post sends a Bundle, once.
func (p *probe) post(c *client, base string, b *payload) {
	p.ledger.sending(b)
	sent := time.Now()
	a := c.send(http.MethodPost, base+"/v1/ingestion/fhir/Bundle",
		map[string]string{"Authorization": "Bearer dev", "Content-Type": "application/fhir+json"}, b.body)
	p.keep(&p.posts, sent, a)
	p.ledger.count("a Bundle", a)
	var receipt struct{ JobID string }
	if a.status == http.StatusAccepted && json.Unmarshal(a.body, &receipt) == nil {
		p.ledger.acknowledged(b, receipt.JobID)
	}
}

func (p *probe) keep(where *[]asked, sent time.Time, a answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*where = append(*where, asked{sent, time.Since(sent), a.status})
}

// settle waits until all has been well for some seconds after a fault, or a time limit.
func (p *probe) settle(ended time.Time) {
	const calm = 3 * time.Second
	for time.Since(ended) < backWithin*p.patience+time.Second {
		time.Sleep(100 * time.Millisecond)
		p.mu.Lock()
		last := ended
		for _, a := range p.posts {
			if a.status != http.StatusAccepted && a.sent.After(last) {
				last = a.sent
			}
		}
		for _, a := range p.ready {
			if a.status != http.StatusOK && a.sent.After(last) {
				last = a.sent
			}
		}
		p.mu.Unlock()
		if time.Since(last) > calm {
			return
		}
	}
}

// faultRun is the service's behaviour in one fault.
type faultRun struct {
	name                     string
	works                    bool // during the fault
	began, mending, ended    time.Time
	accepted, refused, other int
	slowest                  time.Duration
	back, ready, subscribed  time.Duration // after the fault
}

func (f faultRun) String() string {
	return fmt.Sprintf("%d responses 202, %d 503, %d others, the slowest after %s; back after %s, /readyz after %s, subscriptions after %s",
		f.accepted, f.refused, f.other, f.slowest.Round(time.Millisecond), f.back.Round(time.Millisecond), f.ready.Round(time.Millisecond), f.subscribed.Round(time.Millisecond))
}

// judge reports findings about a finished fault.
func (p *probe) judge(f *faultRun) {
	p.mu.Lock()
	posts, ready := p.posts, p.ready
	p.posts, p.ready = nil, nil
	p.mu.Unlock()
	for _, a := range posts {
		switch a.status {
		case http.StatusAccepted:
			f.accepted++
		case http.StatusServiceUnavailable:
			f.refused++
		default:
			f.other++
			p.ledger.found("%s: a response was %d", f.name, a.status)
		}
		f.slowest = max(f.slowest, a.took)
		if a.status != http.StatusAccepted {
			f.back = max(f.back, a.sent.Sub(f.ended))
		}
	}
	lies := 0
	for _, a := range ready {
		if a.status != http.StatusOK {
			f.ready = max(f.ready, a.sent.Sub(f.ended))
		} else if !f.works && a.sent.After(f.began.Add(time.Second)) && a.sent.Add(a.took).Before(f.mending) {
			lies++
		}
	}
	if f.slowest > answersWithin*p.patience {
		p.ledger.found("%s: a response took %s", f.name, f.slowest)
	}
	if f.back > backWithin*p.patience || f.ready > backWithin*p.patience {
		p.ledger.found("%s: back after %s, and /readyz after %s", f.name, f.back, f.ready)
	}
	if lies > 0 {
		p.ledger.found("%s: /readyz was ready %d times", f.name, lies)
	}
	p.faults = append(p.faults, *f)
}
