//go:build unix

package main

import (
	"fmt"
	"sync"
)

// entry describes a sent payload.
type entry struct {
	good, bad    int
	job          string // job id; empty if no response had it
	key          string // of the object, for uploads
	acknowledged bool
}

// ledger records what the senders know. It is safe for concurrent use.
type ledger struct {
	mu       sync.Mutex
	entries  map[string]*entry // by the payload's name
	findings []string

	answered, refused, cut, cutAllowed int
	// strict: requests must not be cut now.
	strict bool
}

func newLedger() *ledger { return &ledger{entries: map[string]*entry{}} }

// sending is called before a payload is sent.
func (l *ledger) sending(p *payload) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[p.name] = &entry{good: p.good, bad: p.bad}
}

func (l *ledger) ticket(p *payload, job, key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[p.name].job, l.entries[p.name].key = job, key
}

// acknowledged is called for each response that accepted a payload.
func (l *ledger) acknowledged(p *payload, job string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[p.name]
	if e.job != "" && e.job != job {
		l.findings = append(l.findings, fmt.Sprintf("a retry with an Idempotency-Key created job %s, although %s existed", job, e.job))
	}
	e.job, e.acknowledged = job, true
}

func (l *ledger) found(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.findings = append(l.findings, fmt.Sprintf(format, args...))
}

// count counts a request by its outcome.
func (l *ledger) count(what string, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case a.status != 0:
		l.answered++
	case a.refused:
		l.refused++
	case l.strict:
		l.cut++
		l.findings = append(l.findings, fmt.Sprintf("cut: %s: %v", what, a.err))
	default:
		l.cutAllowed++
	}
}

// mayCut sets whether requests may be cut from now on.
func (l *ledger) mayCut(allowed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.strict = !allowed
}
