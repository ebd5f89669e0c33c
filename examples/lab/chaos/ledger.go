//go:build unix

package main

import (
	"fmt"
	"sync"
)

// entry is what is known of one payload that was sent.
type entry struct {
	good, bad    int
	job          string // its id; empty where no answer said it
	key          string // of the object, for uploads
	acknowledged bool
}

// ledger is what the senders know. It is safe for concurrent use.
type ledger struct {
	mu       sync.Mutex
	entries  map[string]*entry // by the payload's name
	findings []string

	answered, refused, cut, cutAllowed int
	// strict says that requests may not be cut now.
	strict bool
}

func newLedger() *ledger { return &ledger{entries: map[string]*entry{}} }

// sending is called before anything of a payload is sent.
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

// acknowledged is called for each answer that promised to keep a payload.
func (l *ledger) acknowledged(p *payload, job string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[p.name]
	if e.job != "" && e.job != job {
		l.findings = append(l.findings, fmt.Sprintf("a repeat under an Idempotency-Key made job %s, and %s was there", job, e.job))
	}
	e.job, e.acknowledged = job, true
}

func (l *ledger) found(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.findings = append(l.findings, fmt.Sprintf(format, args...))
}

// count counts how a request went.
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

// mayCut says whether requests may be cut from now on.
func (l *ledger) mayCut(allowed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.strict = !allowed
}
